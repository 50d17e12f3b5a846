"""Trainings that are stopped on some devices and gone on with on others: the same bits, or not.

  python -m benchmarks.faults.topologies FOLDER TRIALS SEED DETERMINISTIC    prints outcomes as JSON

A process of its own, because the number of devices is said before JAX starts.
"""

import functools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
from typing import Any
from unittest import mock

from benchmarks.faults import counts

_ROOT = pathlib.Path(__file__).parents[2]
_FAULT = "stopped, gone on with on other devices"
_DEVICES, _STEPS = (1, 2, 4, 8), 6
_FIELDS = {"network.hidden": (8,), "network.pool5": 16, "network.trunk": 16, "optimizer.batch": 16,
           "network.channels": (4, 4, 4, 4)}


def tried(root: pathlib.Path, trials: int, seed: int, without: str = "") -> list[counts.Outcome]:
  """Outcomes of trainings of six steps with one to three stops.

  Args:
    root: empty folder to work in.
    trials: trainings.
    seed: says when they are stopped and on how many devices they go on.
    without: "order" for the control, whose sums are in whatever order is fastest.
  """
  environment = {**os.environ, "JAX_PLATFORMS": "cpu", "NPROC": "32",
                 "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
  ended = subprocess.run(
    [sys.executable, "-m", "benchmarks.faults.topologies", str(root), str(trials), str(seed),
     str(int(without != "order"))], cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    check=False)
  if ended.returncode:
    return [counts.Outcome(_FAULT, counts.LOST, f"exit code {ended.returncode}, see above")]
  return [counts.Outcome(*given) for given in json.loads(ended.stdout.splitlines()[-1])]


def main(folder: str, trials: str, seed: str, deterministic: str) -> None:
  from benchmarks.faults import artefacts
  train, rng = _trainer(bool(int(deterministic))), random.Random(int(seed))

  def done(stops: list[int], devices: list[int]) -> str:
    place = pathlib.Path(folder) / "run"
    for stop, count in zip([*stops, _STEPS], devices):
      state = train(place, stop, count)
    shutil.rmtree(place)
    return artefacts.digest(state)

  expected, found = done([], [8]), []
  for _ in counts.numbered("topologies", int(trials)):
    stops = sorted(rng.sample(range(1, _STEPS), rng.randrange(1, 4)))
    devices = [rng.choice(_DEVICES) for _ in range(len(stops) + 1)]
    how = counts.SURVIVED if done(stops, devices) == expected else counts.SILENT
    found.append((_FAULT, how, f"stopped after {stops}, on {devices} devices"))
  print(json.dumps(found))


def _trainer(deterministic: bool) -> Any:
  """A function (folder, last step, devices) -> parameters and optimiser, as they are after it."""
  import jax
  import numpy as np

  from cmx import config as config_lib
  from cmx import fields
  from cmx import methods
  from cmx import modalities
  from cmx.alignment import given
  from cmx.training import checkpoint
  from cmx.training import loop
  from cmx.training import step
  rows = (modalities.NATURAL._replace(shape=(16, 16, 3)),
          modalities.DESCRIPTION._replace(shape=(6,)))
  method = methods.named("supcon_shared")  # compares all examples of a batch
  config = fields.replace(config_lib.Config(), {
    **_FIELDS, "method": "supcon_shared", "deterministic": deterministic})
  transform = step.optimizer(config.optimizer, _STEPS, {})
  update = step.make_step(config, method, rows, transform)
  start = jax.device_get(jax.jit(functools.partial(
    step.parameters, config=config, modalities=rows, classes=3))(jax.random.key(0)))

  def batch(index: int, devices: int) -> Any:
    rng = np.random.default_rng(index)
    whole = {row.name: {"input": rng.normal(size=(16, *row.shape)).astype(np.float32),
                        "label": rng.integers(3, size=16, dtype=np.int32)} for row in rows}
    return jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), whole)

  def train(folder: pathlib.Path, last: int, devices: int) -> Any:
    state = step.begin_phase(0, start, step.Phase((), 0, _STEPS), transform)
    with checkpoint.Checkpoints(folder, 2) as checkpoints:
      state = jax.device_get(loop.resume(state, checkpoints))
      local = jax.devices()[:devices]
      with mock.patch.object(jax, "local_devices", lambda: local):
        for index in range(int(state.step), last):
          state, _ = jax.device_get(update(state, batch(index, devices), given.Constants(),
                                           jax.random.key(1)))
      loop.save(state, checkpoints, {})
      checkpoints.wait()
    return [state.params, jax.tree.leaves(state.optimizer)]

  return train


if __name__ == "__main__":
  main(*sys.argv[1:])
