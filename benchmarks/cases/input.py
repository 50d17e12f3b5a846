"""Input of training: batches of the rendered world, and what making them costs a step."""

import atexit
import functools
import pathlib
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks import harness
from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx.alignment import given
from cmx.data import batches
from cmx.data import opening
from cmx.network import model
from cmx.runtime import devices
from cmx.runtime import prefetch
from cmx.training import step as step_lib
from configs import world

_SMALL = {"data.world.natural": 20, "data.world.clipart": 10, "data.world.spatial_text": 10,
          "data.world.drawing": 10, "data.world.description": 10,
          "data.world.validation_natural": 1, "data.world.validation_other": 1}


def comparisons(quick: bool) -> list[harness.Comparison]:
  steps = 2 if quick else 20
  return [
    harness.Comparison("pictures read, varied and batched, natural images of 64 pixels", [
      harness.Contender("cmx", lambda: _batches(steps), units=steps * 32),
      harness.Contender("torch DataLoader", lambda: _torch(steps, 0), units=steps * 32),
      harness.Contender("torch DataLoader, 2 workers", lambda: _torch(steps, 2),
                        units=steps * 32)],
      tolerance=0.0, unit="picture"),
    harness.Comparison("a training step of five modalities with its input", [
      harness.Contender("cmx, input made ahead", lambda: _steps(steps, True), units=steps),
      harness.Contender("the same batch again", lambda: _steps(steps, False), harness.LIMIT,
                        units=steps, at_least=1 / 1.05,
                        reason="the thread that makes input takes its share of the cores that the "
                               "step computes on; the step itself hardly waits, see "
                               "input_wait_share in metrics.jsonl.")],
      tolerance=np.inf, unit="step")]


@functools.cache
def _dataset() -> tuple[config_lib.Config, data.Dataset]:
  root = pathlib.Path(tempfile.mkdtemp(prefix="cmx_benchmark_"))
  atexit.register(shutil.rmtree, root, ignore_errors=True)
  config = fields.replace(world.get_config(), {
    **_SMALL, "data.root": str(root), "method": "bl_shfinal"})
  data.prepare(config.data)
  return config, opening.open_data(config).encoded


def _batches(steps: int) -> Callable[[], Any]:
  config, dataset = _dataset()
  natural = batches.samplers(dataset._replace(modalities=dataset.modalities[:1]))

  def run():
    make = functools.partial(batches.batch_at, natural, 0, size=32, augment=config.augment)
    with prefetch.Prefetch(make, 0, steps) as stream:
      return np.array([sum(len(batch["natural"]["label"]) for batch in stream)])

  return run


class _Pictures:
  """Natural images for a DataLoader, one by one; workers open the data themselves."""

  def __init__(self, config: config_lib.Config, count: int):
    self._config, self._count, self._source = config, count, None

  def __len__(self) -> int:
    return self._count

  def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
    if self._source is None:
      self._source = data.load(self._config.data).splits[data.TRAIN]["natural"]
      self._rng = np.random.default_rng(index)
    example = self._source[index % len(self._source)]
    varied = batches.images(self._rng, example["input"][None], True, self._config.augment)[0]
    return varied, example["label"]


def _torch(steps: int, workers: int) -> Callable[[], Any]:
  from torch.utils import data as torch_data
  config, _ = _dataset()
  loader = torch_data.DataLoader(
    _Pictures(config, steps * 32), batch_size=32, shuffle=True, num_workers=workers,
    multiprocessing_context="spawn" if workers else None, persistent_workers=workers > 0)
  return lambda: np.array([sum(len(label) for _, label in loader)])


def _steps(steps: int, ahead: bool) -> Callable[[], Any]:
  config, dataset = _dataset()
  method, rows = methods.named(config.method), dataset.modalities
  params = jax.jit(lambda key: model.init(
    key, rows, method, config.network, len(dataset.classes)))(jax.random.key(0))
  settings = config.optimizer
  transform = step_lib.optimizer(settings, settings.steps, {})
  state = [step_lib.begin_phase(0, params, step_lib.phases(method, settings)[0], transform)]
  step = step_lib.make_step(config, method, rows, transform)
  constants = devices.replicate((given.Constants(), jax.random.key(0)))
  samplers = batches.samplers(dataset)

  def batch_at(index):
    return devices.shard(batches.batch_at(samplers, 0, index, settings.batch,
                                          augment=config.augment))

  first = batch_at(0)

  def run():
    with prefetch.Prefetch(batch_at if ahead else lambda index: first, 0, steps) as stream:
      for batch in stream:
        state[0], metrics = step(state[0], batch, *constants)
    return np.array([metrics["loss"]])

  return run
