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
from cmx import progress
import configs

CONFIG = config_flags.DEFINE_config_file(
  "config", None,  # `_with_default` fills it in: a default here would be parsed before errors are caught
  "File whose get_config() returns a cmx.config.Config; configs/world.py where none is given. "
  "--config.optimizer.steps=100 changes a field; cmx/config.py says what each is.",
  lock_config=True)
COMPILATION_CACHE = flags.DEFINE_string(
  "compilation_cache", "~/.cache/cmx/xla", "Folder of compiled programs, shared by all runs; '' for none.")


def run(main: Callable[[Sequence[str]], None]) -> None:
  """Runs an entry point; a mistake of the user's ends in its message, not in a traceback."""
  progress.show_log()
  for shared in (CONFIG, COMPILATION_CACHE):  # so that --help of the entry point shows them, too
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[shared.name])
  try:
    app.run(_guarded(main), argv=_with_default(sys.argv), flags_parser=_parse)
  except KeyboardInterrupt:
    sys.exit("Stopped. Run the same command again to go on.")


def _with_default(argv: Sequence[str]) -> list[str]:
  """Names the default config first where the command line names none, so that its fields can be set."""
  if any(argument.split("=")[0] in ("--config", "-config") for argument in argv):
    return list(argv)
  return [argv[0], f"--config={pathlib.Path(configs.__file__).with_name('world.py')}", *argv[1:]]


def _guarded(main: Callable[[Sequence[str]], None]) -> Callable[[Sequence[str]], None]:
  def guarded(argv: Sequence[str]) -> None:
    if len(argv) > 1:
      raise app.UsageError(f"unexpected argument {argv[1]!r}; flags are written --name=value")
    try:
      _set_up()
      main(argv)
    except (ValueError, OSError, FloatingPointError) as error:
      if logging.level_debug():
        raise
      sys.exit(f"{type(error).__name__}: {error}")
  return guarded


def _set_up() -> None:
  import jax  # after the flags: importing it takes a second, and --help should not
  from cmx import parallel
  config = CONFIG.value
  rows = [config, *(config_lib.for_method(config, row) for row in config.rows)]
  parallel.use_cores([settings.batch // max(settings.accumulate, 1)
                      for row in rows for settings in (row.reference, row.optimizer)])
  if COMPILATION_CACHE.value:
    folder = pathlib.Path(COMPILATION_CACHE.value).expanduser()
    jax.config.update("jax_compilation_cache_dir", os.fspath(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _parse(argv: Sequence[str]) -> list[str]:
  """Parses flags; an unknown config field is answered with the fields that exist."""
  try:
    return flags.FLAGS(argv)
  except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
    message = str(error)
  for name in re.findall(r"--config\.([\w.]+)", " ".join(argv)):
    try:
      config_lib.field(config_lib.Config(), name)
    except ValueError as unknown:
      message = str(unknown)
  sys.exit(f"Flags: {message}\nSee --helpshort for the flags of this command.")
