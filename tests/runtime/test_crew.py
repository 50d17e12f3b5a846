"""Helpers: what they do, what they have, how they end; with real processes."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from cmx.runtime import crew
from cmx.runtime import progress
import made_crew

ROOT = pathlib.Path(__file__).parents[2]


def test_each_task_is_done_once_and_what_is_said_of_it_comes_here(tmp_path):
  tasks = {name: ("tells", tmp_path / name) for name in "abc"}
  seen, done = [], []
  crew.work(made_crew.begin, tasks, 2, 1, done=done.append,
               moved=lambda now: seen.extend(now.items()))
  assert sorted(done) == list("abc")
  told = {name: json.loads((tmp_path / name).read_text()) for name in "abc"}
  assert len({each["process"] for each in told.values()}) == 2
  assert os.getpid() not in {each["process"] for each in told.values()}
  for each in told.values():
    assert each["command"] == sys.orig_argv and each["devices"] == 8  # XLA_FLAGS win
  if hasattr(os, "sched_getaffinity"):
    mine = os.sched_getaffinity(0)
    part = max(len(mine) // 2, 1)
    assert all(each["count"] == part for each in told.values())
    parts = {tuple(each["cores"]) for each in told.values()}
    assert len(parts) == min(2, len(mine)) and mine >= set().union(*parts)
  assert ("a", None) in seen and ("c", progress.At("it", 1, 2, "steps")) in seen


@pytest.mark.parametrize("word, error, said", [
  ("fails", ValueError, "^x: x is not there$"),
  ("breaks", RuntimeError, "(?s)^x: Traceback .*KeyError: 'x'"),
  ("dies", crew.Gone, r"that worked on x is gone \(ended by SIGKILL; ")])
def test_what_a_helper_cannot_do_ends_all_by_its_name_and_others_save_first(tmp_path, word, error,
                                                                           said):
  tasks = {"x": (word, tmp_path / "x"), "y": ("saves", tmp_path / "y")}
  with pytest.raises(error, match=said):
    crew.work(made_crew.begin, tasks, 2, 1)
  assert (tmp_path / "y").read_text() == "saved"


def started(tmp_path):
  """A process with two helpers at work, and the processes that these are."""
  words = [str(tmp_path / name) for name in "ab"]
  process = subprocess.Popen(
    [sys.executable, "tests/made_crew.py", *words], cwd=ROOT, text=True, env={
      **os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
  end = time.monotonic() + 120
  while len(on := list(tmp_path.glob("*.on"))) < 2 or not all(path.read_text() for path in on):
    assert process.poll() is None and time.monotonic() < end, process.communicate()
    time.sleep(0.05)
  return process, [int(path.read_text()) for path in on]


@pytest.mark.parametrize("number, whose, code", [
  (signal.SIGTERM, "its", 143), (signal.SIGINT, "its", 130), (signal.SIGTERM, "helper's", 143)])
def test_told_to_stop_all_save_and_one_sentence_says_where_each_stands(tmp_path, number, whose,
                                                                       code):
  process, others = started(tmp_path)
  os.kill(process.pid if whose == "its" else others[0], number)
  _, said = process.communicate(timeout=60)
  assert process.returncode == code
  assert said.count("Told to stop") == 1 and said.count("Run the same command again") == 1
  for name in "ab":
    assert f"{name}: step 5 is saved" in said and (tmp_path / name).read_text() == "saved"


def test_helpers_end_with_a_process_that_is_killed(tmp_path):
  process, _ = started(tmp_path)
  process.kill()
  process.communicate(timeout=60)  # which lasts as long as anybody holds its output
  assert not (tmp_path / "a").exists()
