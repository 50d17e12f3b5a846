"""Work in parts, each by a program for a single device: the same bits on however many devices.

Sums are rounded in the order that a compiler gives them, and it orders them by all that it sees: a
program for several devices leaves other bits than that for one, even where they exchange nothing.
The price is that a program is compiled for each device of a process.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from cmx.runtime import devices
from cmx.runtime import hosts

Pieces = Sequence[tuple[np.ndarray, Any]]  # of each part: its place among all [], and its arrays


def each(function: Callable) -> Callable:
  """Makes of (part, place [], *whole) -> tree a function that does all parts of a batch.

  Returns:
    (pieces of this process, *whole) -> the trees of the parts of all processes, in their order, on
    this process' first device.
  """
  program = jax.jit(function)

  def call(pieces: Pieces, *whole: Any) -> list[Any]:
    local, found = jax.local_devices(), []
    share = len(pieces) // len(local)
    for number, device in enumerate(local):  # which all begin before the first has ended
      there = jax.device_put(whole, device)
      found += [program(jax.device_put(part, device), place, *there)
                for place, part in pieces[number * share:(number + 1) * share]]
    return hosts.gathered([jax.device_put(tree, local[0]) for tree in found])

  return call


def once(function: Callable, donate: tuple[int, ...] = ()) -> Callable:
  """Makes of a function of whole arrays a program that each process does on its first device."""
  program = jax.jit(function, donate_argnums=donate)
  return lambda *given: program(*jax.device_put(given, jax.local_devices()[0]))


def cut(batch: Any, size: int) -> Pieces:
  """Parts of `size` examples of this process' batch, arrays [devices, B, ...]; see `shard`."""
  count, examples = jax.tree.leaves(batch)[0].shape[:2]
  own, pieces = examples // size, []
  for device in range(count):
    of_device = jax.tree.map(lambda x, device=device: _of_device(x, device), batch)
    for number in range(own):
      place = (jax.process_index() * count + device) * own + number
      pieces.append((np.int32(place), jax.tree.map(
        lambda x, start=number * size: x[start:start + size], of_device)))
  return pieces


def _of_device(x: Any, device: int) -> Any:
  return x.addressable_shards[device].data[0] if isinstance(x, jax.Array) else x[device]


def by_rows(function: Callable, batch: int, parts: int) -> Callable:
  """`devices.by_rows` in parts, 0 for none: (params, x [N, ...]) -> tree of arrays [N, ...].

  Raises:
    ValueError: if the devices of this process do not divide the parts.
  """
  if not parts:
    return devices.by_rows(function, batch)
  devices.check_parts(parts, jax.local_device_count())
  program, size = jax.jit(function), -(-batch // parts)

  def call(params, x):
    local, found = jax.local_devices(), []
    there = [jax.device_put(params, device) for device in local]
    for number, start in enumerate(range(0, len(x), size)):
      part = x[start:start + size]
      filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
      device = number % len(local)
      found.append((len(part), program(there[device], jax.device_put(filled, local[device]))))
    done = [jax.tree.map(lambda value, count=count: value[:count], jax.device_get(tree))
            for count, tree in found]
    return jax.tree.map(lambda *values: np.concatenate(values), *done)

  return call


def keys_of(key: jax.Array, place: jax.Array, count: int) -> jax.Array:
  """`devices.example_keys` [count] of the part of `count` examples at a place [] of the batch."""
  return jax.vmap(jax.random.fold_in, (None, 0))(key, place * count + np.arange(count))
