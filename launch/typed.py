"""Flags of two types: paths, with "~" for the user's home, and lists, written as fields' are."""

import pathlib
from collections.abc import Callable, Sequence

from absl import flags

from cmx import fields
from cmx.files import paths


class _Path(flags.ArgumentParser):
  """Makes a path of a flag's word."""

  def __init__(self, name: str):
    self._name = f"--{name}"

  def parse(self, argument: str) -> pathlib.Path:
    return pathlib.Path(paths.own(self._name, argument))

  def flag_type(self) -> str:
    return "path"


class _Words(flags.ArgumentParser):
  """Makes a list of "a,b", or of the same as Python writes it."""

  def __init__(self, name: str):
    self._name = f"--{name}"

  def parse(self, argument: str | Sequence[str]) -> list[str]:
    return fields.members(self._name, argument) if isinstance(argument, str) else list(argument)


class _Added(flags.Flag):
  """A flag whose lists are joined where it is given several times."""

  def parse(self, argument: str) -> None:
    before = list(self.value) if self.present else []
    super().parse(argument)
    self.value = before + self.value


def path(name: str, default: str | None, help_text: str, *, written: str = "",
         required: bool = False) -> flags.FlagHolder:
  """Defines a flag whose value is a path; None where none is given and there is no default.

  Args:
    name: of the flag.
    default: of the flag.
    help_text: of the flag.
    written: "folder", "file" or "stem" of several files, where that is going to be written and is
      refused before the work if it cannot be; "" for what is read.
    required: whether it has to be given.
  """
  flags.disclaim_key_flags()  # the flag belongs to the entry point
  holder = flags.DEFINE(_Path(name), name, default, help_text, required=required)
  if written:
    check = {"folder": paths.check_folder, "file": paths.check_file,
             "stem": lambda name, stem: paths.check_folder(name, stem.parent)}[written]
    flags.register_validator(name, lambda given: given is None or _passes(check, name, given))
  return holder


def words(name: str, default: Sequence[str] | None, help_text: str, *,
          required: bool = False) -> flags.FlagHolder:
  """Defines a flag whose value is a list of words; given several times, it is the lists' sum."""
  flags.disclaim_key_flags()
  flag = _Added(_Words(name), flags.CsvListSerializer(","), name, default, help_text)
  return flags.DEFINE_flag(flag, required=required)


def _passes(check: Callable[[str, pathlib.Path], None], name: str, given: pathlib.Path) -> bool:
  try:
    check(f"--{name}", given)
  except ValueError as error:
    raise flags.ValidationError(str(error)) from error
  return True
