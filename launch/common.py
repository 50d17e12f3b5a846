"""What every entry point shares: flags, logging, the compilation cache and errors that teach.

To import JAX takes seconds, so an entry point imports what needs it in `main`: by then its flags
are parsed and checked, and there is something on the screen.
"""

import contextlib
import sys
from collections.abc import Callable, Sequence

from absl import app
from absl import flags
from absl import logging

from cmx import fields
from cmx.runtime import progress
from cmx.runtime import signals
from launch import compiled
from launch import config_flag
from launch import hosts

CONFIG = config_flag.CONFIG


@signals.guarded()
def run(main: Callable[[Sequence[str]], None], *, together: bool = False,
        of_run: flags.FlagHolder | None = None) -> None:
  """Runs an entry point; a mistake of the user's ends in its message, not in a traceback.

  Args:
    main: of the entry point.
    together: whether several processes can run it as one.
    of_run: flag of a work directory, whose config is the default.
  """
  for stream in (sys.stdout, sys.stderr):
    if hasattr(stream, "reconfigure"):  # a console that lacks a letter shows its number
      stream.reconfigure(errors="backslashreplace")
  progress.show_log()
  shown = (CONFIG, compiled.CACHE, *(hosts.FLAGS if together else ()))
  for shared in shown:  # so that --help of the entry point shows them, too
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[shared.name])
  app.run(_guarded(main, together), flags_parser=lambda argv: config_flag.parse(argv, of_run))


def _guarded(main: Callable[[Sequence[str]], None],
             together: bool) -> Callable[[Sequence[str]], None]:
  def guarded(argv: Sequence[str]) -> None:
    if len(argv) > 1:
      raise app.UsageError(f"unexpected argument {argv[1]!r}; flags are written --name=value")
    hosts.greet()
    try:
      hosts.start_jax()
      _set_up(hosts.join() if together else 1)
      with hosts.ending_together() if together else contextlib.nullcontext():
        main(argv)
    except OSError as error:
      if logging.level_debug():
        raise
      where = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error
      sys.exit(f"{type(error).__name__}: {where}")
    except (ValueError, FloatingPointError) as error:
      if logging.level_debug():
        raise
      sys.exit(f"{type(error).__name__}: {error}")
  return guarded


def _set_up(processes: int) -> None:
  from cmx.runtime import devices
  devices.use_cores(fields.batches(CONFIG.value, processes))
  devices.check_environment()
  compiled.keep()
