"""What every entry point shares: flags, logging, the compilation cache and errors that teach."""

import os
import pathlib
import re
import sys
from collections.abc import Callable, Sequence

from absl import app
from absl import flags
from absl import logging
from ml_collections import config_flags

from cmx import config as config_lib

CONFIG = config_flags.DEFINE_config_file(
  "config", "configs/world.py",
  "File whose get_config() returns a cmx.config.Config; --config.optimizer.steps=100 changes a field.",
  lock_config=True)
COMPILATION_CACHE = flags.DEFINE_string(
  "compilation_cache", "~/.cache/cmx/xla", "Folder of compiled programs, shared by all runs; '' for none.")


def run(main: Callable[[Sequence[str]], None]) -> None:
  """Runs an entry point; a mistake of the user's ends in its message, not in a traceback."""
  logging.set_verbosity(logging.INFO)
  logging.use_absl_handler()
  logging.get_absl_handler().setFormatter(None)
  try:
    app.run(_guarded(main), flags_parser=_parse)
  except KeyboardInterrupt:
    sys.exit("Stopped. Run the same command again to go on.")


def _guarded(main: Callable[[Sequence[str]], None]) -> Callable[[Sequence[str]], None]:
  def guarded(argv: Sequence[str]) -> None:
    if len(argv) > 1:
      raise app.UsageError(f"unexpected argument {argv[1]!r}; flags are written --name=value")
    _set_up()
    try:
      main(argv)
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
      if logging.level_debug():
        raise
      sys.exit(f"{type(error).__name__}: {error}")
  return guarded


def _set_up() -> None:
  import jax  # after the flags: importing it takes a second, and --help should not
  if COMPILATION_CACHE.value:
    folder = pathlib.Path(COMPILATION_CACHE.value).expanduser()
    jax.config.update("jax_compilation_cache_dir", os.fspath(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _parse(argv: Sequence[str]) -> list[str]:
  """Parses flags; an unknown config field is answered with the fields that exist."""
  try:
    return flags.FLAGS(argv)
  except (flags.Error, AttributeError, KeyError) as error:
    found = re.search(r"--config\.([\w.]+)", " ".join(argv))
    message = str(error)
    for name in re.findall(r"--config\.([\w.]+)", " ".join(argv)):
      try:
        config_lib.replace(config_lib.Config(), {name: None})
      except ValueError as unknown:
        message = str(unknown)
        break
    del found
    sys.exit(f"FATAL Flags parsing error: {message}\nPass --helpshort or --helpfull to see the flags.")
