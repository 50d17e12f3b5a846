import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config
from cmx import modalities
from cmx.network import towers

SIZES = {"small": 64, "alexnet": 227, "resnet_small": 160}


def images(size):
  return modalities.NATURAL._replace(shape=(size, size, 3))


def seen_rows(network, size, rows):
  """bool [rows, places]: whether a place of pool5's first column changes with a row of pixels."""
  module = towers.tower(images(size), network, 0)
  params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, size, size, 3)))
  params = jax.tree.map(lambda x: np.where(x == 0, 0.1, x), params)  # no branch is switched off
  maps = jax.jit(lambda x: module.apply(params, x, method="maps"))
  rng, nothing = np.random.default_rng(0), np.zeros((1, size, size, 3), np.float32)
  base, found = np.asarray(maps(nothing)), []
  for row in rows:
    x = nothing.copy()
    x[0, row] = rng.normal(0, 100, (size, 3))  # large: no maximum of a pool hides it
    found.append((np.asarray(maps(x)) != base)[0].any(axis=(1, 2)))
  return np.array(found)


@pytest.mark.parametrize("name", SIZES)
def test_a_place_sees_exactly_the_pixels_that_its_field_says(name):
  network, size = config.Network(tower=name), SIZES[name]
  found = towers.layout((images(size),), network)
  starts = [found.field.start + i * found.field.stride for i in range(found.height)]
  ends = [start + found.field.size for start in starts]
  edges = sorted({row for start, end in zip(starts, ends)
                  for row in (start - 1, start, end - 1, end) if 0 <= row < size})
  inside = [[start <= row < end for start, end in zip(starts, ends)] for row in edges]
  np.testing.assert_array_equal(seen_rows(network, size, edges), inside)


def test_pool5_is_its_maps_flattened_by_row_column_and_channel():
  network, row = config.Network(channels=(4, 4, 4, 6)), images(64)
  module = towers.tower(row, network, 0)
  x = jax.random.normal(jax.random.key(1), (2, 64, 64, 3))
  params = module.init(jax.random.key(0), x)
  maps = np.asarray(module.apply(params, x, method="maps"))
  assert towers.layout((row,), network)[:3] == maps.shape[1:] == (4, 4, 6)
  flat = np.asarray(module.apply(params, x))
  for place in [(0, 0, 0), (1, 2, 3), (3, 3, 5)]:
    np.testing.assert_array_equal(flat[:, np.ravel_multi_index(place, (4, 4, 6))],
                                  maps[:, *place])


def test_there_is_no_layout_without_images():
  assert towers.layout((modalities.DESCRIPTION._replace(shape=(5,)),), config.Network()) is None
