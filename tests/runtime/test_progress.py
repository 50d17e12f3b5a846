"""The line of progress: how far, how fast, how long still, on a terminal and in a log."""

import io
import logging
import os
import shutil
import types

import pytest

from cmx.runtime import progress


class Clock:
  """Seconds that pass only when told to."""

  def __init__(self, monkeypatch):
    self.now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


class Stream(io.StringIO):
  def __init__(self, terminal):
    super().__init__()
    self._terminal = terminal

  def isatty(self):
    return self._terminal


@pytest.fixture
def clock(monkeypatch):
  return Clock(monkeypatch)


def run(clock, seconds, *, terminal=False, total=1000, done=0, each=10, note=""):
  """What is written when `each` more are done at each of the given seconds."""
  stream = Stream(terminal)
  with progress.Progress("row", total, "steps", done=done, stream=stream) as line:
    for second in seconds:
      clock.now = 100.0 + second
      done += each
      line.update(done, note)
  return stream.getvalue()


def test_a_log_gets_a_line_now_and_then(clock):
  said = run(clock, range(1, 61)).splitlines()
  assert [line.split(",")[0] for line in said] == [
    "row: 150/1", "row: 300/1", "row: 450/1", "row: 600/1"]


def test_rate_and_rest_are_those_of_the_work(clock):
  said = run(clock, range(1, 16), note="loss 1.500")
  assert said == "row: 150/1,000 steps, 10.0/s, 1 min 25 s left  loss 1.500\n"


def test_the_first_step_which_compiles_does_not_count(clock):
  slow = run(clock, [50, *range(51, 66)])  # the first takes 50 s, the others 1 s
  assert slow.splitlines()[-1] == "row: 160/1,000 steps, 10.0/s, 1 min 24 s left"
  assert slow.splitlines()[0] == "row: 10/1,000 steps, no estimate yet"


def test_slow_work_has_seconds_and_never_no_rate(clock):
  slow = run(clock, [20, 60, 100], total=10, each=1)
  assert slow.splitlines()[1:] == ["row: 2/10 steps, 40 s each, 5 min 20 s left",
                                   "row: 3/10 steps, 40 s each, 4 min 40 s left"]
  assert "0.0/s" not in slow


def test_the_rate_is_that_of_the_last_half_minute(clock):
  said = run(clock, [*range(1, 61), *(60 + i / 10 for i in range(1, 1201))], total=20_000)
  assert said.splitlines()[-1].startswith("row: 12,600/20,000 steps, 100.0/s, 1 min 14 s left")


def test_what_was_done_before_a_resume_does_not_count_as_speed(clock):
  assert ", 10.0/s, 35 s left" in run(clock, range(1, 16), done=500)


def test_a_terminal_is_overwritten_and_cleared(clock):
  said = run(clock, [0.1, 0.2, 0.3, 0.5], terminal=True)
  assert said.count("\r\x1b[K") == 3 and "\n" not in said  # two updates, and clearing it
  assert said.endswith("\r\x1b[K")


def test_a_line_never_wraps_on_a_terminal(clock, monkeypatch):
  monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((30, 20)))
  for part in run(clock, [1, 2], terminal=True, note="x" * 100).split("\r\x1b[K"):
    assert len(part) < 30


def test_work_shorter_than_the_interval_says_nothing_in_a_log(clock):
  assert run(clock, [1, 2, 14]) == ""


@pytest.mark.parametrize("seconds, words", [
  (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (3599.9, "1 h 00 min"),
  (7800, "2 h 10 min"), (90_000, "25 h 00 min")])
def test_durations_as_people_say_them(seconds, words):
  assert progress.duration(seconds) == words


@pytest.mark.parametrize("seconds, words", [
  (20, "less than a minute"), (50, "about 1 min"), (240, "about 4 min"), (7_200, "about 2 h")])
def test_estimates_are_said_no_finer_than_they_are(seconds, words):
  assert progress.about(seconds) == words


def test_where_another_process_speaks_no_line_is_shown(clock, monkeypatch):
  monkeypatch.setattr(progress._state, "silent", False)
  for terminal in (True, False):
    progress.silence()
    stream = Stream(terminal)
    with progress.Progress("row", 10, "steps", stream=stream) as line:
      line.update(1)
      clock.now += 100
      line.update(5)
    assert stream.getvalue() == ""
    progress._state.silent = False


def test_a_line_of_long_work_goes_by_a_longer_time_and_by_parts(clock):
  stream = Stream(False)
  with progress.Progress("two", 8, "rows", stream=stream, window=600) as line:
    for second in range(0, 400, 20):
      clock.now = 100.0 + second
      line.update(min(second, 100) / 100, "a")  # then it stands still
  last = stream.getvalue().splitlines()[-1]
  assert last == "two: 1.0/8 rows, 380 s each, 44 min 20 s left  a"


def test_news_can_be_sent_instead_of_shown(clock, monkeypatch):
  root, news = logging.getLogger(), []
  monkeypatch.setattr(root, "handlers", root.handlers[:])
  monkeypatch.setattr(progress, "_state", types.SimpleNamespace(silent=False, send=None))
  progress.send(news.append)
  said = run(clock, [0.1, 0.7, 0.8, 1.3], terminal=True)
  logging.getLogger().warning("odd")
  assert said == "" and news == [
    progress.At("row", 20, 1000, "steps"), progress.At("row", 40, 1000, "steps"),
    (logging.WARNING, "odd")]
