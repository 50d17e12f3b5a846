"""Reads a config file, a Python program that says what varies."""

import pathlib
import runpy
import traceback

from cmx import config as config_lib
from cmx import fields
from cmx.files import paths
import configs

_DEFAULT = pathlib.Path(configs.__file__).with_name("world.py")


def read(given: str | None) -> config_lib.Config:
  """The config that a file's get_config() returns; of configs/world.py where none is given.

  Raises:
    ValueError: if there is no such file, or it does not come to its end; with the line.
  """
  path = pathlib.Path(paths.own("--config", given)) if given is not None else _DEFAULT
  if not path.is_file():
    known = ", ".join(sorted(file.name for file in _DEFAULT.parent.glob("[!_]*.py")))
    raise ValueError(f"--config={given}: there is no such file; expected a Python file that "
                     f"defines get_config(), for example one of configs/: {known}")
  try:
    config = runpy.run_path(str(path))["get_config"]()
  except Exception as error:  # a user's own program: whatever is wrong with it, the place helps
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
             if frame.filename == str(path)]
    where = f"line {lines[-1]}: " if lines else ""
    raise ValueError(f"--config={path}: {where}{type(error).__name__}: {error}; expected a Python "
                     "file that defines get_config()") from error
  if not isinstance(config, config_lib.Config):
    raise ValueError(f"--config={path}: get_config() returns {type(config).__name__}; expected a "
                     "cmx.config.Config")
  return config


def of_run(workdir: pathlib.Path) -> config_lib.Config:
  """The config of the run in a work directory.

  Raises:
    ValueError: if it holds none, or one of another version.
  """
  record = workdir / "config.json"
  if not record.is_file():
    raise ValueError(f"{workdir} holds no run; expected a work directory of launch.train or one "
                     "run of launch.reproduce, such as runs/world/seed_0/c")
  try:
    return fields.from_json(record.read_text())
  except ValueError as error:
    raise ValueError(f"{record} is damaged or not a config of this version: {error}") from error
