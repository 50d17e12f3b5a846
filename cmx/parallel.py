"""Devices: the one home of pmap, and of every collective."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

AXIS = "devices"


def pmap(function: Callable, batch_argnum: int, arguments: int, *, gathered: bool = False,
         donate: tuple[int, ...] = ()) -> Callable:
  """`jax.pmap` of a function whose arguments are whole on every device, but for its batch.

  Args:
    function: pure; its results are equal on all devices, unless `gathered`.
    batch_argnum: which argument carries a leading device axis (see `shard`).
    arguments: number of arguments.
    gathered: results differ and come back with a leading device axis.
    donate: arguments whose buffers the results may take over.
  """
  in_axes = tuple(0 if i == batch_argnum else None for i in range(arguments))
  return jax.pmap(function, AXIS, in_axes=in_axes, out_axes=0 if gathered else None,
                  donate_argnums=donate)


def mean(tree: Any) -> Any:
  """Mean over devices of every leaf; inside `pmap` only."""
  return jax.lax.pmean(tree, AXIS)


def device_key(key: jax.Array) -> jax.Array:
  """A key of its own for each device; inside `pmap` only."""
  return jax.random.fold_in(key, jax.lax.axis_index(AXIS))


def gather(x: jax.Array) -> jax.Array:
  """Examples of all devices in one array, [B, ...] -> [devices * B, ...]; inside `pmap` only.

  For terms that couple examples: without it the loss would depend on the number of devices.
  """
  return jax.lax.all_gather(x, AXIS, tiled=True)


def check_batch(size: int) -> None:
  """Raises ValueError unless a batch of `size` examples splits evenly over the devices."""
  devices = jax.device_count()
  if size % devices:
    raise ValueError(f"batch size {size} is not divisible by {devices} devices")


def shard(batch: Any) -> Any:
  """[B, ...] -> [local devices, B / devices, ...] for every leaf."""
  devices = jax.local_device_count()
  return jax.tree.map(lambda x: np.asarray(x).reshape(devices, -1, *x.shape[1:]), batch)
