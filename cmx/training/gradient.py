"""A step's gradient over all devices, as fast as it goes; `ordered` has another."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx import methods as methods_lib
from cmx.network import model
from cmx.runtime import devices
from cmx.training import loss as loss_lib
from cmx.training import terms


def of_device(config: config_lib.Config, settings: config_lib.Optimizer,
              method: methods_lib.Method, modalities: model.Modalities) -> Callable:
  """The mean gradient over all devices, inside `pmap` only:

  (trainable, frozen, batch, constants, key []) -> (gradient, terms.Observed)"""
  loss = loss_lib.of_device(config, method, modalities, settings.recompute)

  def gradient(trainable, frozen, batch, constants, key):
    size = len(batch[modalities[0].name]["label"])
    taps = terms.taps(config, method, modalities, size // settings.accumulate)

    def of_part(part):
      (gradient, tapped), observed = jax.grad(loss, argnums=(0, 1), has_aux=True)(
        trainable, taps, frozen, constants, *part, key)
      return gradient, observed._replace(squares=terms.squares(tapped))

    return devices.mean(_accumulated(of_part, (batch, devices.example_keys(key, size)),
                                     settings.accumulate))

  return gradient


def _accumulated(function: Callable, examples: Any, parts: int) -> Any:
  """Mean of `function` over equal parts of the examples, one part after the other."""
  if parts == 1:
    return function(examples)
  # A loop of the compiler's, so that one part's activations are held at a time.
  split = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), examples)
  one = jax.eval_shape(function, jax.tree.map(lambda x: x[0], split))
  nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), one)

  def add(total, part):
    return jax.tree.map(jnp.add, total, function(part)), None

  return jax.tree.map(lambda x: x / parts, jax.lax.scan(add, nothing, split)[0])
