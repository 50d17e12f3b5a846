"""Progress: one line that says what is done, how fast, and honestly how long it will take."""

import logging as standard
import shutil
import sys
import time
import types
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO

from absl import logging

from cmx.runtime import signals

_TERMINAL_SECONDS = 0.2  # between two updates of a terminal's line
_LOG_SECONDS = 15.0  # between two lines where the output is not a terminal
_WINDOW_SECONDS = 30.0  # the rate is that of these last seconds
_SEND_SECONDS = 0.5  # between two pieces of news that a process sends

# send: what is given the news of a process that shows none of them itself.
_state = types.SimpleNamespace(silent=False, send=None)


class At(NamedTuple):
  """How far a piece of work is: so many of all the units that it has."""

  what: str
  done: int
  total: int
  unit: str


class Progress:
  """A line for one piece of work: `with Progress("row", 600, "steps") as line: line.update(20)`."""

  def __init__(self, what: str, total: int, unit: str, done: int = 0,
               stream: TextIO | None = None, window: float = _WINDOW_SECONDS):
    self._window_s = window
    self._what, self._total, self._unit = what, total, unit
    self._stream = stream or sys.stderr
    self._terminal = self._stream.isatty()
    self._started = self._shown = time.monotonic()
    self._window: deque[tuple[float, float]] = deque()  # from the first update on

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *exception):
    self.clear()

  def clear(self) -> None:
    """Takes the line back from a terminal, so that something else can be said there."""
    if self._terminal and not _state.silent:
      self._stream.write("\r\x1b[K")
      self._stream.flush()

  def update(self, done: float, note: str = "") -> None:
    """Says that `done` of the total are done; `note` is shown behind, e.g. the loss.

    Raises:
      signals.Stopped: if the process was told to stop, see `signals.check`.
    """
    signals.check()
    now = time.monotonic()
    if _state.send is not None and now - self._shown >= _SEND_SECONDS:
      self._shown = now
      _state.send(At(self._what, done, self._total, self._unit))
    if _state.silent:
      return
    if not self._window:
      self._window.append((now, done))
    if now - self._shown < (_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS):
      return
    self._shown = now
    self._window.append((now, done))
    while len(self._window) > 2 and now - self._window[1][0] > self._window_s:
      self._window.popleft()
    then, before = self._window[0]
    rate = (done - before) / max(now - then, 1e-9)
    shown = f"{done:,}" if isinstance(done, int) else f"{done:,.1f}"
    text = f"{self._what}: {shown}/{self._total:,} {self._unit}, {self._pace(done, rate)}"
    text += f"  {note}" if note else ""
    if self._terminal:  # a line that wraps could not be taken back
      text = "\r\x1b[K" + text[:shutil.get_terminal_size().columns - 1]
    self._stream.write(text if self._terminal else text + "\n")
    self._stream.flush()

  def _pace(self, done: float, rate: float) -> str:
    """How fast and how long still; of what has only just begun, nothing is known."""
    if not rate:
      return "no estimate yet"
    speed = f"{rate:.1f}/s" if rate >= 0.1 else f"{1 / rate:.0f} s each"
    return f"{speed}, {duration((self._total - done) / rate)} left"


def duration(seconds: float) -> str:
  """Seconds as people say them: "42 s", "3 min 05 s", "2 h 10 min"."""
  seconds = round(seconds)
  if seconds < 60:
    return f"{seconds} s"
  if seconds < 3600:
    return f"{seconds // 60} min {seconds % 60:02d} s"
  return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def about(seconds: float) -> str:
  """An estimate as people say it: "about 4 min"; it is no better than that."""
  if seconds < 45:
    return "less than a minute"
  minutes = seconds / 60
  return (f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.0f} h")


def silence() -> None:
  """Shows no line of progress from now on: of several processes the first alone does."""
  _state.silent = True


def send(news: Callable[[Any], None]) -> None:
  """Shows nothing in this process from now on: `news` is given an `At`, or a record of the log.

  Args:
    news: is called in whichever thread has them.
  """
  class Handler(standard.Handler):
    def emit(self, record):
      news((record.levelno, record.getMessage()))

  handler = Handler()
  handler.addFilter(_ours)
  root = standard.getLogger()
  root.handlers[:] = [handler]
  logging.set_verbosity(logging.INFO)
  _state.silent, _state.send = True, news


def show_log() -> None:
  """Shows what cmx logs, as plain lines, and of libraries what is wrong alone.

  They are many: orbax logs several lines a checkpoint.
  """
  logging.set_verbosity(logging.INFO)
  logging.use_absl_handler()
  logging.get_absl_handler().setFormatter(None)
  logging.get_absl_handler().addFilter(_ours)


def hush_libraries() -> None:
  """Leaves out what libraries log that is not wrong, in a program that has its own log."""
  logging.get_absl_logger().addFilter(_ours)


def _ours(record) -> bool:
  if "orbax" in record.pathname and record.exc_info:  # is raised, too, where it can be answered
    return False
  error = record.levelno >= logging.converter.STANDARD_ERROR
  return error or "site-packages" not in record.pathname
