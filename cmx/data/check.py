"""Checks a data set before training: counts, holes, bad files, duplicates, what to do next."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.data import encoders
from cmx.data import splits
from cmx.data import trial
from cmx.data.sets.folders import decoding
from cmx.data.sets.folders import doubts
from cmx.data.sets.folders import items as items_lib
from cmx.data.sets.folders import judgement
from cmx.data.sets.folders import listing as listing_lib
from cmx.files import grids
from cmx.files import text as text_lib
from cmx.runtime import progress

_FEW = 5  # training examples; with fewer a class is hardly learnt
_SHOWN = 20  # groups of duplicates that are printed, and cells of a remark

_Look = Callable[[str, str, str, str], None]


class Entry(NamedTuple):
  """One usable example: its cell, its name, and a digest of what a network would see of it."""

  modality: str
  split: str
  class_name: str
  key: str
  digest: str


@dataclasses.dataclass
class Report:
  """What a check found; `problems` keep training from starting, `remarks` do not."""

  what: str  # path or name of the data set
  modalities: dict[str, str]  # name: kind of input, the reference first
  shapes: dict[str, list[int]]  # {modality: shape of its examples before any encoder}
  classes: list[str]
  counts: dict[str, dict[str, dict[str, int]]]  # {modality: {split: {class: examples}}}
  bad: list[dict[str, str]]  # {"file", "why"}
  across_splits: list[list[str]]  # groups of equal examples in training and in validation
  across_modalities: list[list[str]]  # groups of equal examples in several modalities
  within: list[list[str]]  # groups of equal examples in one split of one modality
  problems: list[str]
  remarks: list[str]


def check(data: config_lib.Data, look: _Look = lambda *text: None) -> Report:
  """Looks at every example of a data set; a user's own files are looked at as they are, unprepared.

  Args:
    data: which data set.
    look: called with modality, split, key and text of every example that is a text.

  Raises:
    ValueError, FileNotFoundError: if the data set cannot be listed at all.
  """
  return _of_folders(data, look) if data.name == "folders" else _of_dataset(data, look)


def check_run(config: config_lib.Config) -> Report:
  """Looks at the data set of a run, and at what else keeps the run from reading it.

  That is an encoder whose package or file is missing or bad or has no vector of an example, and a
  modality that shows none of the classes which are left when some are held back.

  Raises:
    ValueError, FileNotFoundError: as `check`.
  """
  tried = trial.Trial(config)
  report = check(config.data, tried.look)
  names = chosen(report, config.data.modalities)
  kinds = dict.fromkeys(report.modalities[name] for name in names)
  if lacking := encoders.missing(config, kinds):
    report.problems.append("encoders lack package files; get them with: "
                           + encoders.command(config, lacking))
  else:
    for kind in kinds:
      try:
        encoders.of(config, kind)
      except (ValueError, FileNotFoundError) as error:
        report.problems.append(f"{error}")
  report.problems += tried.problems(names)
  report.remarks += tried.remarks(names)
  if config.data.unseen_classes and not report.problems:
    unseen = splits.unseen_classes(len(report.classes), config.data.unseen_classes, config.seed)
    left = [name for label, name in enumerate(report.classes) if label not in unseen]
    report.problems += [
      f"modality {name!r} has no training examples of the {len(left)} classes that are left with "
      f"unseen_classes {config.data.unseen_classes} and seed {config.seed}; hold back fewer"
      for name in names if not sum(report.counts[name][data_lib.TRAIN][c] for c in left)]
  return report


def chosen(report: Report, asked: Sequence[str]) -> list[str]:
  """Names of the modalities that a run reads; all where those asked for are not there."""
  rows = [modalities_lib.of_kind(name, kind) for name, kind in report.modalities.items()]
  try:
    return [row.name for row in modalities_lib.select(rows, asked)]
  except ValueError:  # the report says it
    return list(report.modalities)


def _of_folders(data: config_lib.Data, look: _Look) -> Report:
  listing = listing_lib.find(data.folders)
  kinds = {row.name: row.kind for row in judgement.rows(listing, data.folders.reference)}
  entries, undecoded, looks, widths, shapes = [], [], doubts.Doubts(), {}, {}
  for items in decoding.parts(listing).values():
    for item, x in decoding.decode(items, data.folders.image_size, widths):
      if isinstance(x, items_lib.Bad):
        undecoded.append(x)
      else:
        entries.append(Entry(item.modality, item.split, item.class_name, item.key, _digest(x)))
        looks.look(item, x)
        shapes[item.modality] = list(getattr(x, "shape", ()))
        if isinstance(x, str):
          look(item.modality, item.split, item.key, x)
  bad = [*listing.bad, *undecoded]
  report = _report(data.folders.path, kinds, judgement.classes(listing), entries, bad, shapes)
  problems = judgement.problems(judgement.without(listing, undecoded), data)
  if len(bad) > data.folders.damaged:
    report.problems.append(f"{len(bad)} bad {'file' if len(bad) == 1 else 'files'}; "
                           + judgement.remedy(len(bad), not problems))
  elif bad:
    report.remarks.append(f"bad files left out: {len(bad)} of {data.folders.damaged} allowed")
  report.problems += problems
  report.remarks += [f"modality {name!r} has a validation split, so its split test is not used"
                     for name in listing.left_out]
  report.remarks += [*doubts.of_names(kinds, "modalities"), *looks.remarks(), *listing.remarks]
  return report


def _of_dataset(data: config_lib.Data, look: _Look) -> Report:
  dataset = data_lib.load(data)
  entries = list(_entries(dataset, look))
  kinds = {row.name: row.kind for row in dataset.modalities}
  shapes = {row.name: list(row.shape) for row in dataset.modalities}
  report = _report(data.name, kinds, dataset.classes, entries, [], shapes)
  seen = {(entry.modality, entry.split) for entry in entries}
  report.problems += [f"modality {name!r} has no {split} examples; expected 1 or more"
                      for name in kinds for split in decoding.SPLITS if (name, split) not in seen]
  return report


def _entries(dataset: data_lib.Dataset, look: _Look) -> Iterator[Entry]:
  total = sum(len(source) for sources in dataset.splits.values() for source in sources.values())
  with progress.Progress(f"checking {dataset.name}", total, "examples") as line:
    done = 0
    for split, sources in dataset.splits.items():
      for name, source in sources.items():
        for index in range(len(source)):
          example = source[index]
          if isinstance(example["input"], str):
            look(name, split, example["key"], example["input"])
          yield Entry(name, split, dataset.classes[example["label"]], example["key"],
                      _digest(example["input"]))
          line.update(done := done + 1, f"{name} {split}")


def _digest(x: np.ndarray | str) -> str:
  """SHA-256 of an example as a network sees it: two files of one image are equal."""
  if isinstance(x, str):
    return hashlib.sha256(b"text " + x.encode()).hexdigest()
  return hashlib.sha256(f"{x.dtype} {x.shape} ".encode() + x.tobytes()).hexdigest()


def _report(what: str, kinds: dict[str, str], classes: Iterable[str], entries: list[Entry],
            bad: list[items_lib.Bad], shapes: dict[str, list[int]]) -> Report:
  classes = list(classes)
  number = Counter((entry.modality, entry.split, entry.class_name) for entry in entries)
  counts = {name: {split: {c: number[name, split, c] for c in classes} for split in decoding.SPLITS}
            for name in kinds}
  groups = _duplicates(entries)
  return Report(what, kinds, shapes, classes, counts, [file._asdict() for file in bad], *groups, [],
                [*_class_remarks(classes, counts), *_contradictions(entries),
                 *_duplicate_remarks(*groups)])


def _duplicates(entries: list[Entry]) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
  """Keys of equal examples, grouped: across splits, across modalities only, within one split."""
  same: dict[str, list[Entry]] = {}
  for entry in entries:
    same.setdefault(entry.digest, []).append(entry)
  splits, modalities, within = [], [], []
  for group in same.values():
    if len(group) < 2:
      continue
    keys = [f"{entry.modality}, {entry.split}: {entry.key}" for entry in group]
    if len({entry.split for entry in group}) > 1:
      splits.append(keys)
    elif len({entry.modality for entry in group}) > 1:
      modalities.append(keys)
    else:
      within.append(keys)
  return splits, modalities, within


def _contradictions(entries: list[Entry]) -> list[str]:
  """A remark on equal examples that are said to be of different classes."""
  said: dict[str, dict[str, str]] = {}
  for entry in entries:
    said.setdefault(entry.digest, {}).setdefault(entry.class_name, entry.key)
  pairs = [" = ".join(keys.values()) for keys in said.values() if len(keys) > 1]
  return [f"equal examples of different classes: {', '.join(pairs)}; at most one class of each is "
          "right"] if pairs else []


def _class_remarks(classes: list[str], counts: dict[str, dict[str, dict[str, int]]]) -> list[str]:
  def cells(count: Any, split: str) -> str:
    names = [f"{c} in {name}" for name, parts in counts.items() for c in classes
             if count(parts[split][c])]
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join([*names[:_SHOWN], *more])

  few = cells(lambda n: 0 < n < _FEW, data_lib.TRAIN)
  never = [c for c in classes if not any(parts[data_lib.TRAIN][c] for parts in counts.values())]
  alone = [c for c in classes
           if sum(parts[data_lib.TRAIN][c] > 0 for parts in counts.values()) == 1]
  remarks = [
    (few, f"fewer than {_FEW} training examples: {few}"),
    (never, f"no training example in any modality: {', '.join(never)}; only their validation "
            "examples are used"),
    (alone, f"training examples in one modality only: {', '.join(alone)}; nothing can be aligned "
            "there")]
  return [*(remark for true, remark in remarks if true), *doubts.of_names(classes, "classes")]


def _duplicate_remarks(splits: list, modalities: list, within: list) -> list[str]:
  remarks = [
    (splits, f"equal examples in training and validation: {len(splits)}; validation is too easy "
             "by them"),
    (modalities, f"equal examples in several modalities: {len(modalities)}; these are pairs"),
    (within, f"equal examples within a split: {len(within)}; they count twice")]
  return [remark for true, remark in remarks if true]


def text(report: Report) -> str:
  """The report as people read it; a missing cell is a dot."""
  lines = [f"{report.what}: {len(report.modalities)} modalities, {len(report.classes)} classes",
           "examples: training / validation; . = none", "", *_table(report), ""]
  lines += _section("bad files", items_lib.lines([items_lib.Bad(**file) for file in report.bad]),
                    None, len(report.bad))
  for title, groups in (("equal examples across splits", report.across_splits),
                        ("equal examples across modalities", report.across_modalities),
                        ("equal examples within a split", report.within)):
    lines += _section(title, [" = ".join(group) for group in groups], _SHOWN)
  lines += _section("remarks", report.remarks, None)
  lines += _section("training would fail", report.problems, None)
  return "\n".join([*lines, _next(report)])


def _table(report: Report) -> list[str]:
  header = ["class", *(f"{name} ({kind})" for name, kind in report.modalities.items())]
  rows = []
  for name in report.classes:
    cells = [[parts[split][name] for split in decoding.SPLITS] for parts in report.counts.values()]
    counts = (" / ".join(f"{n:,}" if n else "." for n in cell) for cell in cells)
    rows.append([text_lib.shown(name), *counts])
  totals = [" / ".join(f"{sum(parts[split].values()):,}" for split in decoding.SPLITS)
            for parts in report.counts.values()]
  return grids.columns([header, *rows, ["total", *totals]])


def _section(title: str, entries: list[str], shown: int | None, count: int = 0) -> list[str]:
  if not entries:
    return []
  more = len(entries) - len(entries[:shown])
  return [f"{title} ({count or len(entries)}):",
          *(f"  {text_lib.shown(entry)}" for entry in entries[:shown]),
          *([f"  and {more} more; --json has them all"] if more else []), ""]


def _next(report: Report) -> str:
  if report.problems:
    return "Next: mend the above and check again."
  if report.across_splits:
    return "Next: training works; take the equal examples out of one of the splits first."
  return "Next: all is well; train with launch.reproduce."
