"""Whose folder a work directory is: its claim, its lock, and the runs below it."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from cmx import config as config_lib
from cmx import fields
from cmx.files import writing
from cmx.runtime import hosts

_RECORD = "config.json"

# Where things lie, how often they are written and what is done about faults: a run is the same run
# without them.
_INCIDENTAL = ("log.", "mixture.stored", "data.root", "data.everyday.packages", "optimizer.skip",
               "reference.skip")


def claim(workdir: str | os.PathLike, config: config_lib.Config) -> pathlib.Path:
  """Makes the work directory of this config unless it is there. Returns its absolute path.

  Raises:
    ValueError: as `check_workdir`.
  """
  path = check_workdir(workdir, config)
  record = path / _RECORD
  if not record.exists():
    path.mkdir(parents=True, exist_ok=True)
    writing.write_text(record, fields.to_json(config) + "\n")
  return path


def check_workdir(workdir: str | os.PathLike, config: config_lib.Config) -> pathlib.Path:
  """Checks that a directory is this config's work directory, or free. Returns its absolute path.

  Raises:
    ValueError: if it holds a run of another config, with the fields that differ in the message; or
      files that are no run.
  """
  path = pathlib.Path(workdir).absolute()
  if (path / _RECORD).exists():
    check_record(path / _RECORD, config, "run")
  elif path.is_dir() and any(member.suffix != writing.TEMPORARY for member in path.iterdir()):
    raise ValueError(f"{path} holds files but no run; expected a work directory, or a new folder")
  return path


def check_record(record: pathlib.Path, config: config_lib.Config, what: str) -> None:
  """Checks that a folder's record, a config as JSON, says this config, or that there is none.

  Raises:
    ValueError: if it says another one, with the fields that differ and `what` it is of in the
      message; or is no config.
  """
  if not record.exists():
    return
  other = [line for line in fields.difference(config, _recorded(record))
           if not line.startswith(_INCIDENTAL)]
  if other:
    raise ValueError(f"{record.parent} holds a {what} of another config (asked for | found there):"
                     "\n  " + "\n  ".join(other)
                     + "\nChoose another --workdir, or the same config.")


def _recorded(record: pathlib.Path) -> config_lib.Config:
  try:
    return fields.from_json(record.read_text())
  except ValueError as error:
    raise ValueError(f"{record} is damaged or not a config of this version: {error}. Choose "
                     "another folder, or remove this one") from error


@contextlib.contextmanager
def locked(workdir: pathlib.Path) -> Iterator[None]:
  """Holds a work directory while it is trained in; the lock ends with the process, however it ends.

  Of processes that train together, the first holds it for all.

  Raises:
    ValueError: if another process holds it.
  """
  if not hosts.is_first():
    yield
    return
  with (workdir / "lock").open("w") as file:
    try:
      writing.take(file, wait=False)
    except BlockingIOError as error:
      raise ValueError(f"{workdir} is in use: another process trains in it. Wait for its end or "
                       "stop it, or choose another --workdir") from error
    yield


def find_runs(workdir: str | os.PathLike) -> list[pathlib.Path]:
  """The folders of runs: the work directory itself, or those one or two levels below it."""
  path = pathlib.Path(workdir)
  if (path / "config.json").exists():
    return [path]
  return sorted(config.parent for depth in ("*", "*/*")
                for config in path.glob(f"{depth}/config.json"))
