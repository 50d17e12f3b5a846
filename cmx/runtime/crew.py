"""Helpers: processes of this one's own that work at once, each with cores and devices of its own.

This process hands out the work, shows what is said of it, and waits. A helper ends with it, however
it ends, and what a helper cannot do ends all of them: each saves first what it is at.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import connection as connection_lib
from typing import Any, NamedTuple

from absl import logging
import jax

from cmx.runtime import cores
from cmx.runtime import devices as devices_lib
from cmx.runtime import progress
from cmx.runtime import signals

_LOOK_S = 0.2  # between two looks at whether this process was told to stop
_LEAVING_S = 60.0  # that helpers have to save what they are at
_SETTINGS = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
_MISTAKES = (FloatingPointError, FileNotFoundError, OSError, ValueError)  # with a message for users

Begin = Callable[[], Callable[[Any], None]]


class Gone(RuntimeError):
  """A helper is gone without a word."""


class _Done(NamedTuple):
  """A helper says: the work at hand is done."""


class _Failed(NamedTuple):
  """A helper says: it cannot be done; `mistake` is a place in `_MISTAKES`, None for a fault."""

  mistake: int | None
  words: str


class _Stopped(NamedTuple):
  """A helper says: it was told to stop, and where it stands."""

  words: str


class _Helper:
  """A helper, seen from the process that it belongs to.

  Attributes:
    work: name of what it does now; None for nothing.
    at: how far that is, as it has last said.
  """

  def __init__(self, begin: Begin, devices: int, part: set[int]):
    settings = {name: getattr(jax.config, name) for name in _SETTINGS}
    self.work: str | None = None
    self.at: progress.At | None = None
    self.connection, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    self.process = context.Process(
      target=_help, args=(theirs, begin, devices, settings, sys.orig_argv), daemon=True)
    with signals.kept_from_children(), cores.lent(part):
      self.process.start()
    theirs.close()

  def give(self, name: str, argument: Any) -> None:
    self.work, self.at = name, None
    self._send((argument,))

  def stop(self) -> None:
    self._send(None)

  def _send(self, message: tuple | None) -> None:
    with contextlib.suppress(OSError):  # it is gone, which is heard next
      self.connection.send(message)

  def hear(self) -> Any:
    """What it says about its work; None for news, which are shown, and `Gone` where it is gone."""
    try:
      said = self.connection.recv()
    except (EOFError, OSError):
      self.process.join()
      code = self.process.exitcode or 0
      how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
      return Gone(f"the process that worked on {self.work or 'nothing yet'} is gone ({how}; "
                  "SIGKILL may be the system's, for want of memory)")
    if isinstance(said, progress.At):
      self.at = said
    elif not isinstance(said, (_Done, _Failed, _Stopped)):
      level, words = said
      logging.get_absl_logger().log(level, "%s", words)
    else:
      return said
    return None


def work(begin: Begin, tasks: Mapping[str, Any], count: int, devices: int, *,
         moved: Callable[[Mapping[str, progress.At | None]], None] = lambda now: None,
         done: Callable[[str], None] = lambda name: None) -> None:
  """Does every task, as many at once as there are helpers.

  Args:
    begin: is called once in each helper and gives what does a task there; a function of a module,
      for a process cannot be given another.
    tasks: {name: what that is called with}, in their order.
    count: number of helpers.
    devices: of each; this process' cores are shared out among them.
    moved: called often, with {name: how far} of what is being done.
    done: called with the name of each task that is done.

  Raises:
    ValueError, FloatingPointError, OSError: as a task has raised it, its name before the message.
    RuntimeError: where a task has failed otherwise; with its traceback.
    Gone: if a helper is gone, killed by the system, say.
    signals.Stopped: when told to stop; the message says where each stands.
  """
  left = list(tasks)
  with signals.deferred() as told, _started(begin, count, devices) as crew:
    while True:
      for helper in crew:
        if helper.work is None and left:
          helper.give(left[0], tasks[left.pop(0)])
      now = {helper.work: helper.at for helper in crew if helper.work is not None}
      if not now:
        return
      moved(now)
      for helper in _speaking(crew, _LOOK_S):
        said = helper.hear()
        if isinstance(said, _Done):
          name, helper.work = helper.work, None
          done(name)
        elif said is not None:
          _end(said, helper, crew, told())
      if told():
        _end(_Stopped(""), None, crew, True)


def _speaking(crew: Sequence[_Helper], seconds: float) -> list[_Helper]:
  """Helpers that have something to say, or are gone; waits so long for one."""
  ready = connection_lib.wait([helper.connection for helper in crew], seconds)
  return [helper for helper in crew if helper.connection in ready]


def _end(said: Any, speaker: _Helper | None, crew: Sequence[_Helper], told: bool) -> None:
  """Stops all helpers and raises what one has said, or what this process was told."""
  words = [said.words] if isinstance(said, _Stopped) and said.words else []
  words += _stop([helper for helper in crew if helper is not speaker])
  if told or isinstance(said, _Stopped):
    raise signals.stopped("; ".join(dict.fromkeys(words)) or "What is whole is kept")
  if isinstance(said, Gone):
    raise said
  message = f"{speaker.work}: {said.words}"
  if said.mistake is None:
    raise RuntimeError(message)
  raise _MISTAKES[said.mistake](message)


def _stop(crew: Sequence[_Helper]) -> list[str]:
  """Has helpers save what they are at; where each stands, when all are gone."""
  words, left, end = [], list(crew), time.monotonic() + _LEAVING_S
  for helper in left:
    helper.stop()
  while left and time.monotonic() < end:
    for helper in _speaking(left, _LOOK_S):
      said = helper.hear()
      if isinstance(said, _Stopped):
        words.append(said.words)
      if isinstance(said, (Gone, _Stopped, _Failed)):
        left.remove(helper)
  return words


@contextlib.contextmanager
def _started(begin: Begin, count: int, devices: int) -> Iterator[list[_Helper]]:
  """Helpers, within the block; at its end they are gone."""
  crew: list[_Helper] = []
  try:
    for part in cores.parts(count):
      crew.append(_Helper(begin, devices, part))
    yield crew
  finally:
    for helper in crew:
      helper.connection.close()  # by which it ends
    for helper in crew:
      helper.process.join(_LOOK_S * 10)
      helper.process.kill()
      helper.process.join()


def _help(connection: connection_lib.Connection, begin: Begin, devices: int,
          settings: Mapping[str, Any], command: list[str]) -> None:
  """What a helper does, from its start to its end."""
  tasks: queue.SimpleQueue = queue.SimpleQueue()
  alone = threading.Lock()

  def say(words: Any) -> None:
    with alone, contextlib.suppress(OSError):  # nobody listens any more: `_listen` ends it
      connection.send(words)

  threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
  code = 1
  with signals.guarded():
    try:
      signals.ignore()
      sys.orig_argv[:] = command  # by which what it writes says where it comes from
      progress.send(say)
      for name, value in settings.items():
        jax.config.update(name, value)
      devices_lib.use(devices)
      function = begin()
      while True:
        function(*tasks.get())
        say(_Done())
    except KeyboardInterrupt as error:
      code = 128 + signal.SIGTERM
      say(_Stopped(getattr(error, "words", "")))
    except _MISTAKES as error:
      kind = next(i for i, kind in enumerate(_MISTAKES) if isinstance(error, kind))
      say(_Failed(kind, _words(error)))
    except BaseException as error:
      say(_Stopped("") if signals.asked() else _Failed(None, "".join(
        traceback.format_exception(error))))
  os._exit(code)  # at once: what is written is whole, and threads of libraries may wait for others


def _words(error: BaseException) -> str:
  if isinstance(error, OSError) and error.filename and error.strerror:
    return f"{error.filename}: {error.strerror}"
  return "\n".join([f"{error}", *getattr(error, "__notes__", [])])


def _listen(connection: connection_lib.Connection, tasks: queue.SimpleQueue) -> None:
  """In a thread of a helper: takes its work, tells it to stop, ends it with its parent."""
  while True:
    try:
      message = connection.recv()
    except (EOFError, OSError):
      os._exit(1)
    if message is not None:
      tasks.put(message)
    elif not signals.asked():  # a batch system tells all processes of a job itself
      os.kill(os.getpid(), signal.SIGTERM)
