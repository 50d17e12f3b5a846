"""Features of many pictures, a forward pass at a time, beside the same network in PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks import networks
from cmx.evaluation import features
from cmx.runtime import devices
from cmx.training import checkpoint

_BATCH = 256


def comparisons(quick: bool) -> list[harness.Comparison]:
  count, size = (64, 32) if quick else (2_048, 64)
  return [harness.Comparison(
    f"fc7 of {count:,} pictures of {size} pixels", [
      harness.Contender("cmx", lambda: _cmx(count, size), units=count),
      harness.Contender("PyTorch", lambda: _torch(count, size), units=count, at_least=1)],
    tolerance=1e-4, seconds=60.0, unit="picture")]


def _cmx(count: int, size: int) -> Callable[[], Any]:
  made = networks.setting("bl_shfinal", count, size)
  run = checkpoint.Run(made.config, tuple(map(str, range(networks.CLASSES))), made.rows,
                       made.params, 0)
  read = features.reader(run, made.rows[0], ["fc7"], _BATCH)
  params, x = devices.replicate(run.params), made.examples["natural"]["input"]
  return lambda: np.concatenate([read(params, x[i:i + _BATCH])["fc7"]
                                 for i in range(0, count, _BATCH)])


def _torch(count: int, size: int) -> Callable[[], Any]:
  import torch
  made = networks.setting("bl_shfinal", count, size)
  weights, apply = networks.tensors(made.params, tuple(made.params)), networks.torch_apply(made)
  x = torch.from_numpy(made.examples["natural"]["input"])

  def run():
    with torch.no_grad():
      return torch.cat([apply(weights, x[i:i + _BATCH], made.rows[0])["fc7"]
                        for i in range(0, count, _BATCH)]).numpy()

  return run
