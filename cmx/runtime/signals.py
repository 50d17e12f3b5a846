"""SIGINT and SIGTERM in every stage: what is whole is kept, and a sentence says how to go on.

The first one ends what is being done: at its next whole piece where that is asked for (`deferred`),
at once elsewhere, where everything that is written is whole or absent anyway. The second one ends
the process. Neither is swallowed by a callback of a library: the main thread is told again until it
leaves, and the process ends where it does not.
"""

import _thread
import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

AGAIN = "Run the same command again to go on."
_KEPT = "What is whole is kept"
_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_TOLD_AGAIN_S = 2.0  # between two times that the main thread is told
_ONE_S = 0.2  # within which several are one: launchers tell a process and its group
_LEAVING_S = 10.0  # that it and the threads of libraries have to leave


class Stopped(KeyboardInterrupt):
  """Raised in the main thread of a process that was told to stop; the message says how to go on.

  Attributes:
    words: where it stands, as part of the message.
  """

  def __init__(self, words: str):
    self.words = words
    super().__init__(_words(words))


class _State:
  """What this process knows of signals; there is one.

  Attributes:
    installed: whether they come here at all.
    asked: number of the first that came, 0 for none.
    deferred: number of blocks that end their piece first.
    leaving: whether the main thread has been told for good.
  """

  installed, asked, deferred, leaving = False, 0, 0, False


_state = _State()


def _install() -> None:
  """Receives SIGINT and SIGTERM from now on."""
  if _state.installed or threading.current_thread() is not threading.main_thread():
    return
  known = [number for number in _NUMBERS if signal.getsignal(number) is not signal.SIG_IGN]
  reading, writing = os.pipe()
  os.set_blocking(writing, False)
  signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
  for number in known:
    signal.signal(number, _come)
  sys.unraisablehook = _unraisable
  _state.installed = True
  threading.Thread(target=_watch, args=(reading,), daemon=True, name="signals").start()


def asked() -> bool:
  """Whether this process was told to stop."""
  return bool(_state.asked)


def check() -> None:
  """Raises `Stopped` if this process was told to stop and nothing is being ended first."""
  if _state.asked and not _state.deferred and not _state.leaving:
    raise Stopped(_KEPT)


def stopped(words: str) -> Stopped:
  """The error that ends this process after its piece of work; `words` say where it stands."""
  _state.asked = _state.asked or signal.SIGTERM  # told by another process of a pod
  _state.leaving = True
  return Stopped(words)


def _words(words: str) -> str:
  return f"Told to stop ({signal.Signals(_state.asked).name}). {words}. {AGAIN}"


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
  """Within the block a signal ends nothing; it is given a function that says whether one has come.

  Raises:
    Stopped: at the end of a block that ends well though a signal has come.
  """
  with _received():
    _state.deferred += 1
    try:
      yield asked
    finally:
      _state.deferred -= 1
    if sys.exc_info()[0] is None:  # else it is part of ending something that has failed
      check()


@contextlib.contextmanager
def _received() -> Iterator[None]:
  """Receives SIGTERM within the block where `guarded` was not called: in a notebook, a test."""
  if (_state.installed or _state.deferred
      or threading.current_thread() is not threading.main_thread()):
    yield
    return
  before = signal.signal(signal.SIGTERM, _come)
  try:
    yield
  finally:
    signal.signal(signal.SIGTERM, before)
    _state.asked, _state.leaving = 0, False


def _come(number: int, frame: object) -> None:
  """The handler, in the main thread as soon as it runs Python."""
  del frame
  _state.asked = _state.asked or number
  check()


def _unraisable(raised: "sys.UnraisableHookArgs") -> None:
  """What a callback swallows is said by Python; a signal comes again, and nothing need be said."""
  if not (raised.exc_type and issubclass(raised.exc_type, Stopped)):
    sys.__unraisablehook__(raised)


def _watch(reading: int) -> None:
  """In a thread of its own: ends the process at the second signal, whatever the first one does."""
  told, first = 0, None
  while True:
    ready, _, _ = select.select([reading], [], [], None if first is None else _TOLD_AGAIN_S)
    if ready:
      numbers = [number for number in os.read(reading, 64) if number in _NUMBERS]
      ours, told = min(told, len(numbers)), max(0, told - len(numbers))
      if len(numbers) == ours:
        continue
      _state.asked = _state.asked or numbers[-1]  # at once, also while a library computes
      if first is None:
        first = time.monotonic()
      elif time.monotonic() - first > _ONE_S:
        _end(f"Stopped at once. {AGAIN}")
    elif time.monotonic() - first > _LEAVING_S and not _state.deferred:
      _end("" if _state.leaving else _words(_KEPT))
    elif not _state.leaving and not _state.deferred:
      told += 1  # the handler runs again, and with it comes another byte
      _thread.interrupt_main(_state.asked)


def _end(words: str = "") -> NoReturn:
  if words:
    os.write(2, f"\n{words}\n".encode())
  os._exit(128 + _state.asked)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
  """Receives signals from now on; a process that they end says one sentence, exit code 130 or 143.
  """
  _install()
  try:
    yield
  except KeyboardInterrupt as error:
    _leave(error)
  except BaseException as error:  # what a signal has broken, as it says; a worker process, say
    if asked() and not (isinstance(error, SystemExit) and not error.code):
      _leave(error)
    raise


def _leave(error: BaseException) -> NoReturn:
  _state.asked = _state.asked or signal.SIGINT
  _state.leaving = True
  said = error if isinstance(error, Stopped) else Stopped(_KEPT)
  print(said, file=sys.stderr, flush=True)
  sys.exit(128 + _state.asked)


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
  """Processes that are started within the block do not hear signals before they can ignore them."""
  before = signal.pthread_sigmask(signal.SIG_BLOCK, _NUMBERS)
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore() -> None:
  """To be called first in a worker process: ctrl-C is its parent's affair."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  signal.pthread_sigmask(signal.SIG_UNBLOCK, _NUMBERS)
