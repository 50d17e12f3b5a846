"""Processes that are told to stop: once, twice, in a callback, in the middle of a piece of work."""

import pathlib
import signal
import subprocess
import sys
import time

import pytest

from cmx.runtime import progress
from cmx.runtime import signals

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = """
import hashlib, sys, time
from cmx.runtime import signals

signals._TOLD_AGAIN_S, signals._LEAVING_S = 0.2, 1.0

class Swallowing:
  def __del__(self):
    time.sleep(0.5)

def waits():
  time.sleep(60)

def swallows():
  for _ in range(60):
    Swallowing()

def computes():  # a single call of a library that lasts for minutes
  hashlib.pbkdf2_hmac("sha256", b"", b"", 10 ** 9)

def saves():
  with signals.deferred() as told:
    while not told():
      time.sleep(0.01)
    time.sleep(0.3)
    print("saved", flush=True)
    raise signals.stopped("step 5 is saved")

def breaks():
  try:
    time.sleep(60)
  except KeyboardInterrupt:
    raise RuntimeError("a worker ended")

@signals.guarded()
def run():
  print("on", flush=True)
  globals()[sys.argv[1]]()

run()
"""


def told(work, *numbers, after=0.0):
  """Sends signals, each `after` seconds after the one before -> (exit code, stdout, stderr, s)."""
  process = subprocess.Popen([sys.executable, "-c", PROGRAM, work], cwd=ROOT, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
  process.stdout.readline()
  time.sleep(0.1)
  started = time.monotonic()
  for number in numbers:
    process.send_signal(number)
    time.sleep(after)
  out, err = process.communicate(timeout=60)
  return process.returncode, out, err, time.monotonic() - started


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_process_with_one_sentence(number, code):
  status, _, err, _ = told("waits", number)
  assert status == code
  assert err == (f"Told to stop ({number.name}). What is whole is kept. Run the same command again "
                 "to go on.\n")


def test_a_piece_of_work_is_ended_first_where_that_is_asked_for():
  status, out, err, _ = told("saves", signal.SIGTERM)
  assert (status, out) == (143, "saved\n") and "step 5 is saved. Run the same command" in err


def test_a_second_signal_ends_it_at_once():
  status, out, err, _ = told("saves", signal.SIGTERM, signal.SIGTERM, after=0.25)
  assert (status, out) == (143, "") and err.strip() == (
    "Stopped at once. Run the same command again to go on.")


def test_two_at_the_same_moment_are_one():
  status, out, _, _ = told("saves", signal.SIGTERM, signal.SIGTERM)
  assert (status, out) == (143, "saved\n")


@pytest.mark.parametrize("work", ["swallows", "computes"])
def test_it_is_not_swallowed_by_callbacks_nor_by_what_takes_long(work):
  status, _, err, seconds = told(work, signal.SIGINT)
  assert status == 130 and seconds < 15 and err.strip() == (
    "Told to stop (SIGINT). What is whole is kept. Run the same command again to go on.")


def test_what_breaks_by_it_is_no_error_of_its_own():
  status, _, err, _ = told("breaks", signal.SIGINT)
  assert status == 130 and "Traceback" not in err and err.startswith("Told to stop (SIGINT)")


def test_a_line_of_progress_asks_and_a_block_that_defers_is_ended_first(monkeypatch):
  monkeypatch.setattr(signals._state, "asked", int(signal.SIGTERM))
  with pytest.raises(signals.Stopped, match="SIGTERM"), progress.Progress("x", 2, "y") as line:
    line.update(1)
  done = []
  monkeypatch.setattr(signals._state, "installed", True)
  with pytest.raises(signals.Stopped, match="SIGTERM"), signals.deferred() as asked:
    signals.check()
    done.append(asked())
  assert done == [True]
