"""A training step of the small network beside the same network in PyTorch, frozen and free."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks import harness
from benchmarks import networks
from cmx.alignment import given
from cmx.runtime import devices
from cmx.training import step as step_lib

_WHY = ("XLA's convolutions on CPUs reach less of a core's peak than oneDNN's, the weight gradient "
        "of conv2 least.")


def comparisons(quick: bool) -> list[harness.Comparison]:
  batch, size = (4, 32) if quick else (32, 64)
  return of(lambda method: networks.setting(method, batch, size), batch, size)


def of(setting: Callable[[str], networks.Setting], batch: int,
       size: int) -> list[harness.Comparison]:
  """A step of the network of a method, all free and with the trunk frozen, beside PyTorch's."""
  what = f"step with 4 x {batch} pictures of {size} pixels and {batch} texts"
  return [
    harness.Comparison(f"{what}, {words}", [
      harness.Contender("cmx", functools.partial(_cmx, setting, method)),
      harness.Contender("PyTorch", functools.partial(_torch, setting, method, False),
                        at_least=1, reason=_WHY),
      harness.Contender("PyTorch, compiled", functools.partial(_torch, setting, method, True),
                        at_least=1, reason=_WHY)],
      tolerance=2e-3, seconds=60.0)
    for method, words in (("bl_shfinal", "all free"), ("a_tune", "trunk frozen"))]


def _cmx(setting: Callable[[str], networks.Setting], method: str) -> Callable[[], Any]:
  made = setting(method)
  settings = made.config.optimizer
  phase = step_lib.phases(made.method, settings)[0]
  transform = step_lib.optimizer(settings, settings.steps, {})
  state = [step_lib.begin_phase(0, made.params, phase, transform)]
  step = step_lib.make_step(made.config, made.method, made.rows, transform)
  constants = devices.replicate((given.Constants(), jax.random.key(0)))
  placed = devices.shard(made.examples)

  def run():
    state[0], metrics = step(state[0], placed, *constants)
    return np.array([metrics["loss"], metrics["gradient_norm"]])

  return run


def _torch(setting: Callable[[str], networks.Setting], method: str,
           compiled: bool) -> Callable[[], Any]:
  import torch
  from torch.nn import functional
  made = setting(method)
  settings = made.config.optimizer
  weights = networks.tensors(made.params, step_lib.phases(made.method, settings)[0].frozen)
  free = [leaf for leaf in jax.tree.leaves(weights) if leaf.requires_grad]
  optimizer = torch.optim.AdamW([
    {"params": [leaf for leaf in free if leaf.ndim > 1], "weight_decay": settings.weight_decay},
    {"params": [leaf for leaf in free if leaf.ndim == 1], "weight_decay": 0.0}],
    lr=settings.learning_rate)
  apply = networks.torch_apply(made)
  inputs = [(torch.from_numpy(made.examples[row.name]["input"]),
             torch.from_numpy(made.examples[row.name]["label"]).long(), row) for row in made.rows]

  def loss():
    return sum(functional.cross_entropy(apply(weights, x, row)["fc8"], label)
               for x, label, row in inputs) / len(inputs)

  forward = torch.compile(loss) if compiled else loss

  def run():
    optimizer.zero_grad()
    value = forward()
    value.backward()
    norm = torch.nn.utils.clip_grad_norm_(free, settings.clip)
    optimizer.step()
    return np.array([value.item(), norm.item()])

  return run
