"""Time from the command to the first step's metrics, with a cold and with a warm cache."""

import atexit
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness

_FIELDS = {"data.world.natural": 4, "data.world.clipart": 4, "data.world.spatial_text": 4,
           "data.world.drawing": 4, "data.world.description": 4,
           "data.world.validation_natural": 1, "data.world.validation_other": 1,
           "method": "bl_shall", "optimizer.steps": 1, "reference.steps": 1}


def comparisons(quick: bool) -> list[harness.Comparison]:
  fields = _FIELDS | ({"data.world.image_size": 32, "network.channels": "(4,4,4,4)"}
                      if quick else {})
  return [harness.Comparison("launch.train to its first step, five modalities", [
    harness.Contender("warm cache", lambda: _launch(fields, warm=True)),
    harness.Contender("cold cache", lambda: _launch(fields, warm=False))],
    tolerance=0.0, seconds=90.0)]


def _launch(fields: dict[str, Any], warm: bool) -> Callable[[], Any]:
  folder = pathlib.Path(tempfile.mkdtemp(prefix="cmx_benchmark_"))
  atexit.register(shutil.rmtree, folder, ignore_errors=True)
  flags = [f"--config.{name}={value}" for name, value in fields.items()]
  flags += [f"--config.data.root={folder / 'data'}"]

  def command(cache, workdir):
    return [sys.executable, "-m", "launch.train", f"--workdir={workdir}", *flags,
            f"--compilation_cache={cache}"]

  def run():
    number = time.monotonic_ns()
    cache = folder / ("cache" if warm else f"cache_{number}")
    subprocess.run(command(cache, folder / f"run_{number}"), check=True, capture_output=True,
                   env={**os.environ, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"})
    return np.array([1.0])

  run()  # prepares the data, and fills the cache
  return run
