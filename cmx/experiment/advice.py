"""What to run on a user's data: encoders or convolutions, how wide, how many components, and why.

The rules are for tables that are made in minutes on a few cores; docs/data.md has what they were
tried on. Fields that the user has set stay as they are, and the rest follows from them.
"""

import importlib.util
from collections.abc import Collection
from typing import Any, NamedTuple

from cmx import config as config_lib
from cmx import fields
from cmx.data import encoders
from cmx.data.sets.folders import facts as facts_lib
from cmx.experiment import at_once
from cmx.experiment import minutes
from cmx.runtime import progress
from cmx.runtime import speed

_SMALL_SIDE = 32  # pixels: pictures that the convolutions see as they are
_FEW_SMALL = 50  # training pictures a class: fewer train no convolutions, even of small pictures
_FEW = 1_000  # the same of photographs and the like
_ENGLISH = 0.7  # share of plain letters from which on texts are taken for English
_BYTES = 2e9  # of decoded pictures on disk, at most
_LARGEST = 32  # K of a mixture that nobody has asked for
# Examples of each of its components: of 450, in 512 dimensions, C does well at K = 1, 4 and 8, and
# at 16 one modality is lost (docs/data.md).
_A_COMPONENT = 100


class Choice(NamedTuple):
  """What is advised for a field, and why; `reason` is "" where it goes with the one before."""

  field: str
  value: Any
  reason: str = ""


class Plan(NamedTuple):
  """What will be run.

  Attributes:
    config: with the choices in it.
    choices: what is advised, in turn.
    own: of these, the fields that the user has set otherwise.
  """

  config: config_lib.Config
  choices: tuple[Choice, ...]
  own: tuple[str, ...]


def plan(facts: facts_lib.Facts, config: config_lib.Config, given: Collection[str] = ()) -> Plan:
  """The plan for data of these facts.

  Args:
    facts: counts, sizes and kinds; see `facts.of_folders`.
    config: as it was asked for.
    given: dotted fields that stay as they are, beside those that are not at their default.
  """
  plain, ours = fields.flat(config_lib.Config()), fields.flat(config)
  fixed = {name for name, value in ours.items() if value != plain.get(name)} | set(given)
  choices: list[Choice] = []
  for advise in (_pixels, _text, _widths, _components):
    for choice in advise(facts, config):
      choices.append(choice)
      if choice.field not in fixed:
        config = fields.replace(config, {choice.field: choice.value})
  own = tuple(choice.field for choice in choices
              if fields.field(config, choice.field) != choice.value)
  return Plan(config, tuple(choices), own)


def of_folders(config: config_lib.Config,
               given: Collection[str] = ()) -> tuple[facts_lib.Facts, Plan] | None:
  """Facts of a user's folders and the plan for them; None where they cannot be trained on.

  Raises:
    ValueError, FileNotFoundError: as `facts.of_folders`.
  """
  facts = facts_lib.of_folders(config.data)
  return None if facts is None else (facts, plan(facts, config, given))


def size(facts: facts_lib.Facts, found: Plan, rows: int, seeds: int) -> str:
  """Rows, seeds, minutes and megabytes of the table, in words."""
  config, rate = found.config, speed.flops_per_second()
  parts = minutes.of_facts(facts, config)
  first = minutes.preparation(parts, config, rate)
  table = minutes.table(parts, config, facts.classes, rows, rate, at_once.usual(rows))
  seconds, held = first.seconds + seeds * table.seconds, first.bytes + seeds * table.bytes
  return (f"{rows} rows, {seeds} {'seed' if seeds == 1 else 'seeds'}; "
          f"{progress.about(seconds)}, {max(held / 1e6, 1):,.0f} MB")


def _of_kind(facts: facts_lib.Facts, kind: str) -> list[facts_lib.Part]:
  return [part for part in facts.parts if part.kind == kind]


def _pixels(facts: facts_lib.Facts, config: config_lib.Config) -> list[Choice]:
  """Convolutions where there is enough to train them on, a frozen encoder elsewhere."""
  del config
  pictures = _of_kind(facts, "pixels")
  if not pictures:
    return []
  thin, side = min(pictures, key=lambda part: part.fewest), max(part.side for part in pictures)
  small = 0 < side <= _SMALL_SIDE
  enough = _FEW_SMALL if small else _FEW
  least = f"{thin.fewest:,} of a class in {thin.name}"
  if thin.fewest < enough:
    return [Choice("encoders.pixels", encoders.PIXELS,
                   f"{least}: too few training pictures to train convolutions on (some {enough:,} "
                   "would do); a frozen encoder knows pictures already"),
            *_seen(facts, side)]
  if small:
    return [Choice("encoders.pixels", "", f"pictures of {side} pixels at most, {least}: "
                   "convolutions learn them, and an encoder would see them blown up"),
            Choice("data.folders.image_size", _SMALL_SIDE)]
  return [Choice("encoders.pixels", "", f"{least}: enough to train convolutions on")]


def _seen(facts: facts_lib.Facts, side: int) -> list[Choice]:
  """How large an encoder, which was trained on large pictures, sees these."""
  count = sum(part.train + part.validation for part in _of_kind(facts, "pixels"))
  most = next((size for size in (224, 160, 128) if 3 * size ** 2 * count < _BYTES), 96)
  size = min(most, max(64, -(-side // 16) * 16)) if side else most
  return [Choice("data.folders.image_size", size), Choice("inversion.size", 64)]


def _text(facts: facts_lib.Facts, config: config_lib.Config) -> list[Choice]:
  del config
  texts = _of_kind(facts, "text")
  if not texts:
    return []
  foreign = [part.name for part in texts if part.english < _ENGLISH]
  if foreign:
    return [Choice("encoders.text", encoders.BAG_OF_WORDS, f"{' and '.join(foreign)}: letters that "
                   f"{encoders.TEXT}, which reads English, has hardly seen; a bag of words "
                   "instead, or name vectors of your language by encoders.text=words")]
  return [Choice("encoders.text", encoders.TEXT, "a frozen encoder knows words that no training "
                 f"text has; it reads English ({encoders.BAG_OF_WORDS} reads anything, but knows "
                 "no meaning)")]


def _widths(facts: facts_lib.Facts, config: config_lib.Config) -> list[Choice]:
  """Wide layers where every tower reads vectors: they cost little there."""
  if _of_kind(facts, "pixels") and not config.encoders.pixels:
    return []
  return [Choice("network.hidden", (512,), "every tower reads vectors: wide layers cost little"),
          Choice("network.pool5", 512), Choice("network.trunk", 512)]


def _components(facts: facts_lib.Facts, config: config_lib.Config) -> list[Choice]:
  """As many as the reference modality's examples allow."""
  reference = facts.parts[0]
  count = min(reference.train, config.mixture.examples)
  return [Choice("mixture.components", components(count), f"{count:,} training examples of "
                 f"{reference.name}: as many components as have {_A_COMPONENT} each; "
                 "launch.ladder tries others")]


def components(examples: int) -> int:
  """The largest power of two that leaves every component of a mixture its examples."""
  found = 1
  while 2 * found <= min(_LARGEST, examples // _A_COMPONENT):
    found *= 2
  return found


def to_get(facts: facts_lib.Facts, config: config_lib.Config) -> list[str]:
  """The one command that gets what a config lacks: packages' files and libraries; [] for none."""
  lacking = _lacking(facts, config)
  commands = [encoders.command(config, lacking)] if lacking else []
  libraries = ["matplotlib"]  # reports and ladders draw with it
  if any(name.startswith("hf:") for name in (config.encoders.pixels, config.encoders.text)):
    libraries += ["onnxruntime", "tokenizers"]
  absent = [name for name in libraries if not importlib.util.find_spec(name)]
  commands += [f"python -m pip install {' '.join(absent)}"] if absent else []
  return [" && ".join(commands)] if commands else []


def _lacking(facts: facts_lib.Facts, config: config_lib.Config) -> list[str]:
  """Package files that the config's encoders of these kinds of input lack."""
  return encoders.missing(config, dict.fromkeys(part.kind for part in facts.parts))


def check_encoders(facts: facts_lib.Facts, found: Plan) -> None:
  """Raises FileNotFoundError where encoders lack package files, with the command that gets them."""
  lacking = _lacking(facts, found.config)
  if lacking:
    raise FileNotFoundError(
      f"{len(lacking)} package files of encoders are not in {encoders.folder(found.config)}. Get "
      f"them with\n  {encoders.command(found.config, lacking)}\nand run the same command again. "
      "Without them: --config.encoders.pixels= --config.encoders.text=hashing, which trains "
      "convolutions and counts words")


def in_words(facts: facts_lib.Facts, found: Plan) -> str:
  """The plan in a line: modalities, classes, examples, encoders, K."""
  config, kinds = found.config, {part.kind for part in facts.parts}
  names = [part.name for part in facts.parts]
  read = [f"pictures by {config.encoders.pixels or 'convolutions'}"] if "pixels" in kinds else []
  read += [f"texts by {config.encoders.text}"] if "text" in kinds else []
  counts = (sum(part.train for part in facts.parts), sum(part.validation for part in facts.parts))
  return "; ".join([
    ", ".join([f"{names[0]} (reference)", *names[1:]]),
    f"{facts.classes} classes, {counts[0]:,} training and {counts[1]:,} validation examples",
    *read, f"K = {config.mixture.components}"])


def reasons(facts: facts_lib.Facts, found: Plan) -> list[str]:
  """Why, a line for each choice; what the user has set otherwise is said."""
  lines = [f"reference {facts.parts[0].name}: {facts.chosen}"]
  for field, value, reason in found.choices:
    if field in found.own:
      lines.append(f"{field}={fields.field(found.config, field) or repr('')}, as you said; advised "
                   f"was {value or repr('')}{f': {reason}' if reason else ''}")
    elif reason:
      lines.append(f"{field}={value or repr('')}: {reason}")
  return lines
