"""Sums over examples: blocks of any chunks, and devices that do not show in the result."""

import jax.numpy as jnp
import numpy as np
import pytest

from cmx.mixture import passes as passes_lib


def passes(array, sizes):
  """Passes over the rows of an array in chunks of these sizes, and of the rest."""
  return lambda: iter(np.split(array, np.cumsum(sizes)))


def square_sums(x, valid, scale):
  return {"square": (scale * x * x * valid[:, None]).sum(0), "count": valid.sum()}


@pytest.mark.parametrize("sizes", [[], [1, 2, 3], [10], [4, 0, 4], [11, 11], [0]])
@pytest.mark.parametrize("size", [1, 4, 5, 23, 50])
def test_blocks_hold_every_example_once_and_in_order(sizes, size):
  array = np.arange(46, dtype=np.float64).reshape(23, 2)
  found = list(passes_lib.blocks(passes(array, sizes), size))
  np.testing.assert_array_equal(np.concatenate(found), array)
  assert all(len(block) == size for block in found[:-1]) and 1 <= len(found[-1]) <= size
  assert all(block.dtype == np.float32 for block in found)


def test_blocks_of_nothing_are_none():
  assert not list(passes_lib.blocks(lambda: iter([]), 4))


@pytest.mark.parametrize("size", [3, 8, 100])
def test_sum_equals_that_of_the_whole_array(size):
  array = np.random.default_rng(0).normal(size=(101, 4)).astype(np.float32)
  total = passes_lib.over(square_sums, passes_lib.of_array(array, 17), size, jnp.float32(2))
  assert total["count"] == 101
  np.testing.assert_allclose(total["square"], 2 * (array.astype(float) ** 2).sum(0), rtol=1e-6)
  assert total["square"].dtype == np.float64


def test_chunks_do_not_change_a_bit():
  array = np.random.default_rng(1).normal(size=(500, 3)).astype(np.float32)
  found = [passes_lib.over(square_sums, passes(array, sizes), 64, jnp.float32(1))["square"]
           for sizes in ([], [1] * 30, [64, 64], [499])]
  for other in found[1:]:
    np.testing.assert_array_equal(other, found[0])


def test_parts_are_added_in_float64():
  array = np.ones((20, 1), np.float32)
  array[0] = 2**13  # whose square is 2^26: float32 would lose the ones that follow
  total = passes_lib.over(square_sums, passes_lib.of_array(array), 1, jnp.float32(1))
  assert total["square"][0] == 2**26 + 19


def test_nothing_to_sum_over_is_refused():
  with pytest.raises(ValueError, match="no examples to sum over; expected 1 or more"):
    passes_lib.over(square_sums, lambda: iter([]), 4, jnp.float32(1))


def test_a_memory_map_is_read_a_part_at_a_time(tmp_path):
  array = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (100, 2))
  array[:] = 3
  chunks = list(passes_lib.of_array(array, 30)())
  assert [len(chunk) for chunk in chunks] == [30, 30, 30, 10]
  sums = passes_lib.over(square_sums, passes_lib.of_array(array), 7, jnp.float32(1))
  assert sums["square"].tolist() == [
    900, 900]
