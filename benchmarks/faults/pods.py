"""Trainings by several processes on this machine: one is killed or hangs, or all are stopped.

Each goes on with the same command, by as many or other processes, and has to end with the
parameters of a training that nothing has disturbed, bit for bit.
"""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.faults import artefacts
from benchmarks.faults import counts
from cmx.training import checkpoint

FAULTS = ("one of two killed", "one of two frozen", "one of two hangs",
          "processes stopped, others go on")
DEAD_S, STUCK_S = 15.0, 60.0  # within which the others are to end
_ROOT = pathlib.Path(__file__).parents[2]
_STEPS, _COUNTS, _PATIENCE_S = 60, (1, 2, 4), 200.0
_AGAIN = {75, -signal.SIGABRT, 128 + signal.SIGABRT}  # exit codes that a launcher starts again
_FIELDS = {"log.metrics_steps": 1, "data.modalities": ("sound", "note"), "network.hidden": (8,),
           "network.pool5": 8, "network.trunk": 8, "optimizer.steps": _STEPS, "optimizer.batch": 8,
           "reference.steps": 2, "reference.batch": 8, "method": "supcon_shared"}
# A process whose main thread never comes back from its twelfth step, and whose others live on.
_HANGS = """
import itertools, runpy, sys, time
from cmx.runtime import hosts
asked, calls = hosts.agreed_to_stop, itertools.count()
hosts.agreed_to_stop = lambda: asked() if next(calls) < 12 else time.sleep(1e6)
sys.argv[0] = "launch.train"
runpy.run_module("launch.train", run_name="__main__", alter_sys=True)
"""


class _Ended(NamedTuple):
  """What became of processes.

  Attributes:
    codes: their exit codes.
    said: the end of what each said.
    seconds: from the fault to the end of the last that was left.
  """

  codes: list[int]
  said: list[str]
  seconds: float


def tried(root: pathlib.Path, trials: int, rng: random.Random,
          without: str = "") -> list[counts.Outcome]:
  """SIGKILL, SIGSTOP and a hang of one of two processes, and stops of one to four, in turn.

  Args:
    root: empty folder to work in.
    trials: trainings.
    rng: says which process, when, and how many go on.
    without: "watches" for the control, in which nobody looks whether the others are there and sums
      are in whatever order is fastest.
  """
  _make_data(root / "data")
  pod = _Pod(root, without)
  expected, found = pod.whole("expected"), []
  for trial in counts.numbered("pods", trials):
    fault = FAULTS[trial % len(FAULTS)]
    where = f"run_{trial}"
    number = {FAULTS[0]: signal.SIGKILL, FAULTS[1]: signal.SIGSTOP}.get(fault)
    if fault == FAULTS[-1]:
      wrong, what = pod.stopped(where, rng)
    else:
      wrong, what = pod.lost(where, rng, number, DEAD_S if number else STUCK_S)
    if wrong:
      found.append(counts.Outcome(fault, counts.LOST, what))
    else:
      same = pod.whole(where, rng.choice(_COUNTS)) == expected
      found.append(counts.Outcome(fault, counts.SURVIVED if same else counts.SILENT, what))
    shutil.rmtree(root / where, ignore_errors=True)
  return found


def _make_data(folder: pathlib.Path) -> None:
  """Vectors of two modalities and three classes."""
  rng = np.random.default_rng(0)
  for kind in ("sound", "note"):
    for split, size in (("train", 5), ("validation", 2)):
      for name in ("bed", "chair", "lamp"):
        place = folder / kind / split / name
        place.mkdir(parents=True)
        for number in range(size):
          np.save(place / f"{number}.npy", rng.normal(size=6).astype(np.float32))


class _Pod:
  """Trainings below a folder."""

  def __init__(self, root: pathlib.Path, without: str):
    self._root, self._without = root, without

  def _command(self, where: str) -> list[str]:
    means = {"log.dead_seconds": 1000, "log.stuck_seconds": 0} if self._without else {
      "deterministic": True}
    fields = {**_FIELDS, **means, "data.folders.path": self._root / "data",
              "data.root": self._root / "records"}
    return ["--config=configs/folders.py", "--noadvice", "--compilation_cache=",
            f"--workdir={self._root / where}", f"--reference={self._root / 'reference'}",
            *(f"--config.{name}={value}" for name, value in fields.items())]

  @contextlib.contextmanager
  def _started(self, where: str, count: int,
               hanging: int | None = None) -> Iterator[list[subprocess.Popen]]:
    """So many processes; none is left behind."""
    with socket.socket() as free:
      free.bind(("127.0.0.1", 0))
      address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
      **os.environ, "JAX_PLATFORMS": "cpu", "NPROC": "32",
      "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
      "JAX_COMPILATION_CACHE_DIR": str(self._root / "programs"),
      "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    logs = [(self._root / f"{where}_{index}.log").open("w+") for index in range(count)]
    began = [subprocess.Popen(
      [sys.executable, *(["-c", _HANGS] if index == hanging else ["-m", "launch.train"]),
       *self._command(where),
       *([f"--coordinator={address}", f"--processes={count}", f"--process={index}"]
         if count > 1 else [])],
      cwd=_ROOT, env=environment, stdout=logs[index], stderr=logs[index]) for index in range(count)]
    try:
      yield began
    finally:
      for process in began:
        process.kill()
        process.wait()
      for log in logs:
        log.close()

  def _ended(self, where: str, processes: list[subprocess.Popen], indices: list[int],
             within_s: float = _PATIENCE_S) -> _Ended:
    began = time.monotonic()
    for index in indices:
      with contextlib.suppress(subprocess.TimeoutExpired):
        processes[index].wait(timeout=max(0, began + within_s - time.monotonic()))
    seconds = time.monotonic() - began
    said = [(self._root / f"{where}_{index}.log").read_text()[-400:] for index in indices]
    return _Ended([processes[index].poll() for index in indices], said, seconds)

  def _steps(self, where: str) -> int:
    path = self._root / where / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0

  def _until(self, where: str, step: int, processes: list[subprocess.Popen]) -> bool:
    """Waits for a step; whether it has come."""
    patience = time.monotonic() + _PATIENCE_S
    while self._steps(where) < step:
      if time.monotonic() > patience or any(each.poll() is not None for each in processes):
        return self._steps(where) >= step
      time.sleep(0.02)
    return True

  def whole(self, where: str, count: int = 1) -> str:
    """Trains to the end; the digest of its parameters, or what was said instead."""
    with self._started(where, count) as processes:
      ended = self._ended(where, processes, list(range(count)))
    if any(ended.codes):
      return str(ended)
    run = checkpoint.load_run(self._root / where)
    return artefacts.digest([run.params, run.step])

  def lost(self, where: str, rng: random.Random, number: signal.Signals | None,
           within_s: float) -> tuple[bool, str]:
    """Whether it goes wrong, and what was seen, where one of two processes is lost.

    Args:
      where: name of the training.
      rng: says which, and after which step.
      number: the signal that it is sent; None hangs without one.
      within_s: seconds in which the other has to end; where it hangs, both.
    """
    who, step = rng.randrange(2), rng.randrange(3, 12)
    with self._started(where, 2, who if number is None else None) as processes:
      if not self._until(where, 10 if number is None else step, processes):
        return True, f"no step {step}: {self._ended(where, processes, [0, 1])}"
      if number is not None:
        processes[who].send_signal(number)
      ended = self._ended(where, processes, [0, 1] if number is None else [1 - who], within_s)
    what = f"process {who} lost; codes {ended.codes} after {ended.seconds:.1f} s"
    wrong = not set(ended.codes) <= _AGAIN
    return wrong, f"{what}: {ended.said}" if wrong else what

  def stopped(self, where: str, rng: random.Random) -> tuple[bool, str]:
    """Whether it goes wrong, and what was seen, where all are told to stop; once or twice."""
    seen, step = [], 0
    for count in rng.choices(_COUNTS, k=rng.randrange(1, 3)):
      with self._started(where, count) as processes:
        if self._until(where, self._steps(where) + rng.randrange(2, 8), processes):
          processes[-1].send_signal(signal.SIGTERM)
        ended = self._ended(where, processes, list(range(count)))
      step = checkpoint.latest_step(self._root / where)
      seen.append(f"{count} processes until step {step}")
      if not set(ended.codes) <= {0, 143}:
        return True, f"{seen}: {ended}"
    return False, "; ".join(seen)
