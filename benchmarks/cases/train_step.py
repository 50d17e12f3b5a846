"""A training step of the small network beside the same network in PyTorch, frozen and free."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks import harness
from cmx import config as config_lib
from cmx import methods
from cmx import modalities as modalities_lib
from cmx import model
from cmx import parallel
from cmx import train
from configs import world

_CLASSES, _TEXT = 24, 2_048
_PIXELS = ("natural", "clipart", "spatial_text", "drawing")


_WHY = ("XLA's convolutions on CPUs reach less of a core's peak than oneDNN's, the weight gradient "
        "of conv2 least.")


def comparisons(quick: bool) -> list[harness.Comparison]:
  batch, size = (4, 32) if quick else (32, 64)
  what = f"step with {len(_PIXELS)} x {batch} pictures of {size} pixels and {batch} texts"
  return [
    harness.Comparison(f"{what}, {'trunk frozen' if frozen else 'all free'}", [
      harness.Contender("cmx", functools.partial(_cmx, batch, size, frozen)),
      harness.Contender("PyTorch", functools.partial(_torch, batch, size, frozen, False),
                        at_least=1, reason=_WHY),
      harness.Contender("PyTorch, compiled", functools.partial(_torch, batch, size, frozen, True),
                        at_least=1, reason=_WHY)],
      tolerance=2e-3, seconds=60.0)
    for frozen in (False, True)]


def _setting(batch: int, size: int, frozen: bool):
  """Config, rows, parameters and a batch; no dropout, so that both do the same."""
  config = config_lib.replace(world.get_config(), {
    "method": "a_tune" if frozen else "bl_shfinal", "network.dropout": 0.0,
    "optimizer.batch": batch})
  rows = tuple(row._replace(shape=(size, size, 3)) if row.name in _PIXELS else
               row._replace(shape=(_TEXT,)) for row in (
                 modalities_lib.NATURAL, modalities_lib.CLIPART, modalities_lib.SPATIAL_TEXT,
                 modalities_lib.DRAWING, modalities_lib.DESCRIPTION))
  method = methods.named(config.method)
  params = jax.device_get(jax.jit(lambda key: model.init(
    key, rows, method, config.network, _CLASSES))(jax.random.key(0)))
  rng = np.random.default_rng(0)
  examples = {row.name: {
    "input": (rng.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
              if row.name in _PIXELS else rng.random((batch, _TEXT), np.float32)),
    "label": rng.integers(0, _CLASSES, batch).astype(np.int32)} for row in rows}
  return config, method, rows, params, examples


def _cmx(batch: int, size: int, frozen: bool) -> Callable[[], Any]:
  config, method, rows, params, examples = _setting(batch, size, frozen)
  phase = train.phases(method, config.optimizer)[0]
  transform = train.optimizer(config.optimizer, config.optimizer.steps, {})
  state = [train.begin_phase(0, params, phase, transform)]
  step = train.make_step(config, method, rows, transform)
  constants = parallel.replicate(({}, jax.random.key(0)))
  placed = parallel.shard(examples)

  def run():
    state[0], metrics = step(state[0], placed, *constants)
    return np.array([metrics["loss"], metrics["gradient_norm"]])

  return run


def _torch(batch: int, size: int, frozen: bool, compiled: bool) -> Callable[[], Any]:
  import torch
  from torch.nn import functional
  config, method, rows, params, examples = _setting(batch, size, frozen)
  phase = train.phases(method, config.optimizer)[0]

  def tensor(leaf, layer):
    leaf = np.asarray(leaf)
    # kernels of convolutions are [h, w, in, out] there and [out, in, h, w] here
    leaf = leaf.transpose(3, 2, 0, 1) if leaf.ndim == 4 else leaf.T if leaf.ndim == 2 else leaf
    found = torch.from_numpy(np.array(leaf, order="C"))
    return found.requires_grad_(layer not in phase.frozen)

  weights = {layer: jax.tree.map(lambda leaf, layer=layer: tensor(leaf, layer), owners)
             for layer, owners in params.items()}
  free = [leaf for leaf in jax.tree.leaves(weights) if leaf.requires_grad]
  kernels = [leaf for leaf in free if leaf.ndim > 1]
  settings = config.optimizer
  optimizer = torch.optim.AdamW([
    {"params": kernels, "weight_decay": settings.weight_decay},
    {"params": [leaf for leaf in free if leaf.ndim == 1], "weight_decay": 0.0}],
    lr=settings.learning_rate)

  def convolved(x, part, stride, padding):
    return functional.relu(functional.conv2d(x, part["kernel"], part["bias"], stride, padding))

  def tower(x, part):
    x = (x.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(
      memory_format=torch.channels_last)
    b, d, h, w = x.shape
    x = x.reshape(b, d, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(
      b, 4 * d, h // 2, w // 2)
    x = convolved(x, part["conv1"], 2, 1)
    x = functional.max_pool2d(convolved(x, part["conv2"], 1, 1), 2)
    x = convolved(x, part["conv3"], 1, 1)
    x = functional.max_pool2d(convolved(x, part["conv4"], 1, 1), 2)
    return x.permute(0, 2, 3, 1).flatten(1)

  def dense(x, part):
    return functional.linear(x, part["kernel"], part["bias"])

  def vector(x, part):
    for name in sorted(part):
      x = functional.relu(dense(x, part[name]))
    return x

  inputs = {name: (torch.from_numpy(part["input"]), torch.from_numpy(part["label"]).long())
            for name, part in examples.items()}

  def loss():
    total = 0.0
    for row in rows:
      x, label = inputs[row.name]
      part = weights["tower"][model.owner("tower", row, method)]
      h = tower(x, part) if row.name in _PIXELS else vector(x, part)
      for layer in model.TRUNK:
        h = dense(h, weights[layer][model.owner(layer, row, method)])
        h = h if layer == "fc8" else functional.relu(h)
      total = total + functional.cross_entropy(h, label)
    return total / len(rows)

  forward = torch.compile(loss) if compiled else loss

  def run():
    optimizer.zero_grad()
    value = forward()
    value.backward()
    norm = torch.nn.utils.clip_grad_norm_(free, settings.clip)
    optimizer.step()
    return np.array([value.item(), norm.item()])

  return run
