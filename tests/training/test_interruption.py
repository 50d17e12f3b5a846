"""Runs that are killed, told to stop, and started again, as processes of the command line."""

import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from cmx.experiment import reproduce
from cmx.training import checkpoint
import tiny

ROOT = pathlib.Path(__file__).parents[2]
# Every step is saved, so that a kill may fall into a save; 16 steps a phase leave time for it.
FIELDS = {**tiny.TWO, "log__checkpoint_seconds": 0.0, "log__keep_optimizer": True,
          "optimizer__steps": 32, "optimizer__tune_share": 0.5}


def settings(folder):
  return tiny.config(folder / "data", "a_free", **FIELDS)


def launch(folder, workdir):
  command = [sys.executable, "-m", "launch.train", f"--workdir={workdir}",
             f"--reference={folder / 'reference'}", "--compilation_cache=",
             *tiny.flags(folder / "data", "a_free", **FIELDS)]
  return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def stopped_at(process, workdir, step, number):
  """Sends a signal once a step's metrics are written; returns the exit status and what was said."""
  patience = time.monotonic() + 120
  while not any(line["step"] >= step for line in lines(workdir)):
    assert process.poll() is None and time.monotonic() < patience, process.communicate()
    time.sleep(0.01)
  process.send_signal(number)
  said = process.communicate(timeout=60)[1]
  return process.returncode, said


def lines(workdir):
  """The metrics written so far; the last line may be half there."""
  path = workdir / "metrics.jsonl"
  text = path.read_text() if path.exists() else ""
  return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def digest(workdir):
  """Of everything that a run has learnt, its optimiser included."""
  sha = hashlib.sha256()
  with checkpoint.Checkpoints(workdir, 2) as checkpoints:
    for item in ("params", "optimizer"):
      for path, leaf in jax.tree.leaves_with_path(checkpoints.restore(checkpoints.latest(), item)):
        sha.update(str(path).encode() + np.asarray(leaf).tobytes())
  return sha.hexdigest()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """The folder of a run that nothing has interrupted, its data and its reference network."""
  folder = tmp_path_factory.mktemp("experiment")
  dataset = tiny.dataset(folder / "data", **tiny.TWO)
  reproduce.train_row(settings(folder), dataset, folder / "whole", folder / "reference")
  return folder


def test_a_killed_and_stopped_run_ends_in_the_same_bits(whole, tmp_path):
  workdir = tmp_path / "stopped"
  status, _ = stopped_at(launch(whole, workdir), workdir, 5, signal.SIGKILL)  # the trunk is frozen
  assert status == -signal.SIGKILL and 0 < checkpoint.latest_step(workdir) < 16
  status, said = stopped_at(launch(whole, workdir), workdir, 20, signal.SIGTERM)  # released
  done = checkpoint.latest_step(workdir)
  assert status == 128 + signal.SIGTERM and 20 <= done < 32
  assert (f"Told to stop (SIGTERM). a_free: step {done} of 32 is saved in {workdir}. Run the same "
          "command again to go on.") in said and "Traceback" not in said
  reproduce.train_row(settings(whole), tiny.dataset(whole / "data", **tiny.TWO), workdir,
                      whole / "reference")
  assert digest(workdir) == digest(whole / "whole")
  ours, theirs = ([(line["step"], line["loss"]) for line in lines(run)]
                  for run in (workdir, whole / "whole"))
  assert ours == theirs and [step for step, _ in ours] == list(range(1, 33))
