"""The flag that names a config and sets its fields; mistakes are answered with what exists."""

import pathlib
import re
import sys
from collections.abc import Sequence

from absl import flags
from ml_collections import config_flags

from cmx import config as config_lib
from cmx import fields
import configs

CONFIG = config_flags.DEFINE_config_file(
  "config", None,  # `with_default` fills it in: a default would be parsed before errors are caught
  "File whose get_config() returns a cmx.config.Config; configs/world.py where none is given. "
  "--config.optimizer.steps=100 changes a field; cmx/config.py says what each is.",
  lock_config=True)


def with_default(argv: Sequence[str]) -> list[str]:
  """Names the default config where the command line names none, so that its fields can be set."""
  if any(argument.split("=")[0] in ("--config", "-config") for argument in argv):
    return list(argv)
  return [argv[0], f"--config={pathlib.Path(configs.__file__).with_name('world.py')}", *argv[1:]]


def parse(argv: Sequence[str]) -> list[str]:
  """Parses flags; an unknown config field is answered with the fields that exist."""
  try:
    return flags.FLAGS(argv)
  except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
    message = str(error)
  for name in re.findall(r"--config\.([\w.]+)", " ".join(argv)):
    try:
      fields.field(config_lib.Config(), name)
    except ValueError as unknown:
      message = str(unknown)
  sys.exit(f"Flags: {message}\nSee --helpshort for the flags of this command.")
