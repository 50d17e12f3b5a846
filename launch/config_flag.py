"""The flag that names a config, and those that set its fields; a mistake is answered in words."""

import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from cmx import config as config_lib
from cmx import fields
from cmx import methods
from cmx.files import paths
from launch import answers
from launch import config_file

_PREFIX = "config."  # of flags that set a field
_READ = {"weights.file", "weights.classes"}  # whose files are there, where a flag names them

CONFIG = flags.DEFINE_string(
  "config", None, "File whose get_config() returns a cmx.config.Config; configs/world.py where "
  "none is given. --config.optimizer.steps=100 changes a field, --config.mixture.layers=fc6,fc7 "
  "one of several values; cmx/config says what each is.")  # once parsed, its value is the config
GIVEN: set[str] = set()  # fields that were set by flags


def parse(argv: Sequence[str], of_run: flags.FlagHolder | None = None) -> list[str]:
  """Parses flags, and makes of the one that names a file the config, with its fields as asked for.

  Args:
    argv: command line.
    of_run: flag of a work directory, whose run's config it is where no file is named.

  Returns:
    What is no flag; a mistake ends the process, with what was expected.
  """
  try:
    others, changes = _divided(argv)
    left = flags.FLAGS(others)
    run = of_run.value if of_run is not None and CONFIG.value is None else None
    config = fields.replace(config_file.of_run(run) if run else config_file.read(CONFIG.value), {})
    for name, words in changes.items():
      config = fields.replace(config, {name: fields.parsed(config, name, words)})
    GIVEN.update(changes)
    for row in (config.method, *config.rows):
      methods.named(row)  # a run's own config was checked before, and its mixture may be none
      fields.check_limits(fields.for_method(config, row), changes if run else None)
    config = fields.replace(config, {
      name: paths.own(f"config.{name}", value)
      for name, value in fields.paths(config).items() if value})
    paths.check_no_file("config.data.root", config.data.root)
    for name in _READ & changes.keys():
      paths.check_there(f"config.{name}", pathlib.Path(fields.field(config, name)))
    flags.FLAGS[CONFIG.name].value = config
    return left
  except (flags.Error, ValueError) as error:
    sys.exit(f"Flags: {answers.answer(error)}\nSee --helpshort for the flags of this command.")


def _divided(argv: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
  """The command line without the flags of fields, and {field: the values given, in turn}."""
  others: list[str] = []
  changes: dict[str, list[str]] = {}
  words = iter(argv)
  for word in words:
    flag, equals, value = word.lstrip("-").partition("=")
    if word == "--":
      others += [word, *words]
    elif not (word.startswith("-") and flag.startswith(_PREFIX)):
      others.append(word)
    else:
      name = flag.removeprefix(_PREFIX)
      if not equals:  # --name value, as absl has it; yes or no needs none
        known = fields.field(config_lib.Config(), name)
        value = "true" if isinstance(known, bool) else next(words, None)
        if value is None:
          raise ValueError(f"--{flag} has no value; expected --{flag}=value")
      changes.setdefault(name, []).append(value)
  return others, changes
