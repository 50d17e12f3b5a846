"""Processes that get no further end with a sentence; those that do are left alone."""

import subprocess
import sys
import time

import pytest

from cmx.runtime import watchdog

STUCK = """
import ctypes, time
from cmx.runtime import watchdog

def here_it_hangs():
  {hang}

with watchdog.watching(1.0, "some row") as moved:
  moved()
  here_it_hangs()
"""


def stuck(hang):
  """(exit code, what was said, seconds) of a process that hangs."""
  program, began = STUCK.format(hang=hang), time.monotonic()
  ended = subprocess.run([sys.executable, "-c", program], text=True, check=False, timeout=60,
                         capture_output=True)
  return ended.returncode, ended.stderr, time.monotonic() - began


def test_a_stuck_process_shows_its_threads_and_ends_with_a_sentence():
  code, said, seconds = stuck("time.sleep(50)")
  assert code == watchdog.EXIT_CODE == 75 and 1.0 <= seconds < 20
  assert "in here_it_hangs" in said
  assert said.splitlines()[-1] == (
    "some row: nothing has moved for 1 s (config.log.stuck_seconds); above is what the threads of "
    "this process were doing. Run the same command again to go on.")


def test_a_process_that_lets_no_thread_run_ends_too():
  code, said, seconds = stuck("ctypes.PyDLL(None).sleep(50)")
  assert code == 1 and "in here_it_hangs" in said and seconds < 30


@pytest.fixture
def ended(monkeypatch):
  """Lists what would end this process."""
  found = []
  monkeypatch.setattr(watchdog, "_end", lambda seconds, what: found.append(what))
  return found


def test_what_moves_or_rests_is_left_alone(ended):
  with watchdog.watching(0.4, "row") as moved:
    time.sleep(0.6)  # it has not begun
    for _ in range(8):
      moved()
      time.sleep(0.1)
    moved(rest=True)
    time.sleep(0.8)
  time.sleep(0.5)  # the block is over
  assert not ended


def test_what_has_moved_and_then_does_not_is_noticed(ended):
  with watchdog.watching(0.3, "row") as moved:
    moved()
    time.sleep(0.8)
  assert ended


def test_0_is_any_number_of_seconds(ended):
  with watchdog.watching(0, "row") as moved:
    moved()
    time.sleep(0.1)
  assert not ended
