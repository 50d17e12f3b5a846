"""Sums over more examples than fit in memory: the same bits on any number of devices.

Examples are cut into blocks of a fixed size, whatever the chunks they come in. One device computes
a block's part in float32; parts are added in float64 in the order of the blocks.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from cmx.runtime import devices

Chunks = Callable[[], Iterable[np.ndarray]]  # a call starts a pass over the same examples [n, D]


class Activations(NamedTuple):
  """A layer's activations to fit on; nothing is read before the first pass.

  Attributes:
    chunks: a call starts a pass over them.
    name: what an example is called, by its index in a pass.
  """

  chunks: Chunks
  name: Callable[[int], str] = str


def of_array(array: np.ndarray, size: int = 8_192) -> Chunks:
  """Passes over the rows of an array or memory map [N, D], `size` at a time."""
  return lambda: (np.asarray(array[i:i + size]) for i in range(0, len(array), size))


def blocks(chunks: Chunks, size: int) -> Iterator[np.ndarray]:
  """One pass in blocks float32 [size, D], the last one shorter, from chunks of any sizes."""
  waiting: list[np.ndarray] = []
  count = 0
  for chunk in chunks():
    start = 0
    while count + len(chunk) - start >= size:
      end = start + size - count
      yield _joined([*waiting, chunk[start:end]])
      waiting, count, start = [], 0, end
    if start < len(chunk):
      waiting, count = [*waiting, chunk[start:]], count + len(chunk) - start
  if count:
    yield _joined(waiting)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
  return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts), np.float32)


def over(function: Callable, chunks: Chunks, size: int, *constants: Any) -> Any:
  """Sum of a function over all examples.

  Args:
    function: (x [size, D], valid [size], *constants) -> tree of the block's sums; valid is 1, or 0
      for rows that fill up the last block and must not count. A function at the top of a module: it
      is compiled once.
    chunks: a pass over the examples.
    size: examples a block, and all that the sums depend on beside the examples.
    constants: whole on every device.

  Returns:
    The tree, float64.

  Raises:
    ValueError: if there are no examples.
  """
  mapped = _mapped(function, len(constants))
  constants = devices.replicate(constants)
  total, waiting = None, None
  for batch in _batches(chunks, size):
    current = mapped(devices.shard(batch), *constants)  # runs while the last one's parts are added
    total, waiting = _add(total, waiting), current
  if waiting is None:
    raise ValueError("no examples to sum over; expected 1 or more")
  return _add(total, waiting)


@functools.cache
def _mapped(function: Callable, constants: int) -> Callable:
  return devices.pmap(lambda batch, *rest: function(*batch, *rest), 0, 1 + constants,
                      gathered=True)


def _batches(chunks: Chunks, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """x [devices * size, D] and valid [devices * size]: a block a device, filled up with zeros."""
  for x in blocks(chunks, size * jax.local_device_count()):
    missing = size * jax.local_device_count() - len(x)
    valid = np.pad(np.ones(len(x), np.float32), (0, missing))
    yield (np.pad(x, ((0, missing), (0, 0))) if missing else x), valid


def _add(total: Any, parts: Any) -> Any:
  """Adds every device's part [devices, ...] in the order of the devices."""
  if parts is None:
    return total
  for part in zip(*jax.tree.leaves(jax.device_get(parts))):
    part = [np.asarray(leaf, np.float64) for leaf in part]
    leaves = part if total is None else [a + b for a, b in zip(jax.tree.leaves(total), part)]
    total = jax.tree.unflatten(jax.tree.structure(parts), leaves)
  return total
