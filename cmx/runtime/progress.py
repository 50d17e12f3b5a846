"""Progress: one line that says what is done, how fast, and honestly how long it will take."""

import shutil
import sys
import time
import types
from collections import deque
from typing import TextIO

from absl import logging

from cmx.runtime import signals

_TERMINAL_SECONDS = 0.2  # between two updates of a terminal's line
_LOG_SECONDS = 15.0  # between two lines where the output is not a terminal
_WINDOW_SECONDS = 30.0  # the rate is that of these last seconds

_state = types.SimpleNamespace(silent=False)


class Progress:
  """A line for one piece of work: `with Progress("row", 600, "steps") as line: line.update(20)`."""

  def __init__(self, what: str, total: int, unit: str, done: int = 0, stream: TextIO | None = None):
    self._what, self._total, self._unit = what, total, unit
    self._stream = stream or sys.stderr
    self._terminal = self._stream.isatty()
    self._started = self._shown = time.monotonic()
    self._window: deque[tuple[float, int]] = deque()  # from the first update on: the start compiles

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *exception):
    if self._terminal and not _state.silent:
      self._stream.write("\r\x1b[K")
      self._stream.flush()

  def update(self, done: int, note: str = "") -> None:
    """Says that `done` of the total are done; `note` is shown behind, e.g. the loss.

    Raises:
      signals.Stopped: if the process was told to stop, see `signals.check`.
    """
    signals.check()
    if _state.silent:
      return
    now = time.monotonic()
    if not self._window:
      self._window.append((now, done))
    if now - self._shown < (_TERMINAL_SECONDS if self._terminal else _LOG_SECONDS):
      return
    self._shown = now
    self._window.append((now, done))
    while len(self._window) > 2 and now - self._window[1][0] > _WINDOW_SECONDS:
      self._window.popleft()
    then, before = self._window[0]
    rate = (done - before) / max(now - then, 1e-9)
    text = f"{self._what}: {done:,}/{self._total:,} {self._unit}, {self._pace(done, rate)}"
    text += f"  {note}" if note else ""
    if self._terminal:  # a line that wraps could not be taken back
      text = "\r\x1b[K" + text[:shutil.get_terminal_size().columns - 1]
    self._stream.write(text if self._terminal else text + "\n")
    self._stream.flush()

  def _pace(self, done: int, rate: float) -> str:
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
