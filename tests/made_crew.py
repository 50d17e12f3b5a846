"""Work for helpers: a word says what is done, a path where it leaves its trace."""

import json
import os
import pathlib
import signal
import sys
import time

from absl import logging
import jax

from cmx.runtime import cores
from cmx.runtime import crew
from cmx.runtime import progress
from cmx.runtime import signals


def begin():
  return lambda task: globals()[task[0]](pathlib.Path(task[1]))


def tells(path):
  logging.info("about %s", path.name)
  with progress.Progress("it", 2, "steps") as line:
    time.sleep(0.6)
    line.update(1)
    time.sleep(0.5)  # until it is read
  mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
  path.write_text(json.dumps({"process": os.getpid(), "cores": mine, "count": cores.count(),
                              "devices": jax.device_count(), "command": sys.orig_argv}))


def saves(path):
  with signals.deferred() as told:
    path.with_suffix(".on").write_text(f"{os.getpid()}")
    while not told():
      time.sleep(0.01)
    path.write_text("saved")
    raise signals.stopped(f"{path.name}: step 5 is saved")


def fails(path):
  _wait_for_others(path)
  raise ValueError(f"{path.name} is not there")


def breaks(path):
  _wait_for_others(path)
  raise KeyError(path.name)


def dies(path):
  _wait_for_others(path)
  os.kill(os.getpid(), signal.SIGKILL)


def _wait_for_others(path):
  while not list(path.parent.glob("*.on")):
    time.sleep(0.01)


if __name__ == "__main__":
  with signals.guarded():
    crew.work(begin, {word: ("saves", word) for word in sys.argv[1:]}, len(sys.argv) - 1, 1)
