"""A process that gets no further ends, and says what its threads were doing, so that a job goes on.

Of processes that train together all wait where one is stuck. Each looks at itself, so that all end
and a launcher can start them again.
"""

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from cmx.runtime import signals

EXIT_CODE = 75  # as of sysexits.h: to be tried again
_GRACE_S = 5.0  # after which a thread that lets no other run is ended without words of ours
_LOOKS = 20  # within the time that something may take


@contextlib.contextmanager
def watching(seconds: float, what: str) -> Iterator[Callable[..., None]]:
  """Ends this process where the function that it gives is not called for so long, within the block.

  The function's first call begins it; called with `rest=True` it begins a pause until the next.

  Args:
    seconds: at most, between two calls; 0 for any number.
    what: gets no further, for the message.
  """
  if not seconds:
    yield lambda rest=False: None
    return
  last: list[float] = []  # time of the last call, none in a pause
  over = threading.Event()

  def moved(rest: bool = False) -> None:
    last[:] = [] if rest else [time.monotonic()]

  def watch() -> None:
    while not over.wait(seconds / _LOOKS):
      if last and time.monotonic() - last[0] > seconds:
        _end(seconds, what)
      again()

  def again() -> None:  # this watch runs where no thread of Python's can; it ends with exit code 1
    faulthandler.dump_traceback_later(seconds + _GRACE_S, exit=True)

  again()
  thread = threading.Thread(target=watch, daemon=True, name="watchdog")
  thread.start()
  try:
    yield moved
  finally:
    over.set()
    thread.join()
    faulthandler.cancel_dump_traceback_later()


def _end(seconds: float, what: str) -> NoReturn:
  faulthandler.dump_traceback(file=sys.__stderr__, all_threads=True)
  leave(f"{what}: nothing has moved for {seconds:g} s (config.log.stuck_seconds); above is what "
        "the threads of this process were doing")


def leave(words: str) -> NoReturn:
  """Ends this process at once, as one that is to be started again, whatever it waits for."""
  sys.stdout.flush()
  os.write(2, f"\n{words}. {signals.AGAIN}\n".encode())
  os._exit(EXIT_CODE)
