"""Flags of two types: paths, with "~" for the user's home, and lists, written as fields' are."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from cmx import fields
from cmx.files import paths


_WRITTEN = {"": [], "folder": [paths.check_folder], "file": [paths.check_file]}


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
         there: bool = False, required: bool = False) -> flags.FlagHolder:
  """Defines a flag whose value is a path; None where none is given and there is no default.

  Args:
    name, default, help_text: of the flag.
    written: "folder" or "file", where that is going to be written and is refused before the work if
      it cannot be; "" for what is read.
    there, required: whether it is refused where there is nothing; whether it has to be given.
  """
  flags.disclaim_key_flags()  # the flag belongs to the entry point
  holder = flags.DEFINE(_Path(name), name, default, help_text, required=required)
  for check in [paths.check_there] * there + _WRITTEN[written]:
    flags.register_validator(name, lambda given, check=check: (
      given is None or passes(check, f"--{name}", given)))
  return holder


def words(name: str, default: Sequence[str], help_text: str) -> flags.FlagHolder:
  """Defines a flag whose value is a list of words; given several times, it is the lists' sum."""
  flags.disclaim_key_flags()
  flag = _Added(_Words(name), flags.CsvListSerializer(","), name, default, help_text)
  return flags.DEFINE_flag(flag)


def passes(check: Callable[..., None], *arguments: Any) -> bool:
  """True, for a validator of flags; what a check refuses is refused as flags are."""
  try:
    check(*arguments)
  except ValueError as error:
    raise flags.ValidationError(str(error)) from error
  return True
