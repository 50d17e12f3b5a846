"""Towers: shapes, sizes, normalisation, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import modalities as modalities_lib
from cmx.network import towers

PHOTOGRAPH = modalities_lib.NATURAL._replace(shape=(64, 64, 3))
TEXT = modalities_lib.DESCRIPTION._replace(shape=(20,))


def outputs(module, shape, dtype=jnp.float32):
  return jax.eval_shape(lambda key, x: module.init_with_output(key, x), jax.random.key(0),
                        jax.ShapeDtypeStruct(shape, dtype))


def test_bytes_become_numbers_between_minus_one_and_one():
  x = np.array([[0, 255], [51, 204]], np.uint8).reshape(1, 2, 2, 1)
  np.testing.assert_allclose(towers.scale_pixels(x).ravel(), [-1, 1, -0.6, 0.6], atol=1e-6)
  already = np.full((1, 2, 2, 3), 0.25, np.float32)
  np.testing.assert_array_equal(towers.scale_pixels(already), already)


@pytest.mark.parametrize("size, width", [(32, 2 * 2 * 4), (64, 4 * 4 * 4), (96, 6 * 6 * 4),
                                         (70, 4 * 4 * 4)])
def test_the_small_tower_gives_a_sixteenth_of_the_image(size, width):
  module = towers.SmallTower((3, 3, 3, 4))
  assert outputs(module, (2, size, size, 3), jnp.uint8)[0].shape == (2, width)


@pytest.mark.parametrize("modality, shape", [(PHOTOGRAPH, (2, 64, 64, 3)), (TEXT, (2, 20))])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_pool5_is_never_negative_and_of_the_network_s_precision(modality, shape, precision):
  network = config_lib.Network(channels=(3, 3, 3, 4), hidden=(5,), precision=precision)
  module = towers.tower(modality, network, 6)
  x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
  out, variables = module.init_with_output(jax.random.key(0), x)
  assert out.dtype == jnp.dtype(precision) and (out >= 0).all() and (out > 0).any()
  assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_local_response_normalisation_by_hand():
  x = np.random.default_rng(1).normal(scale=50, size=(2, 3, 3, 7)).astype(np.float32)
  expected = np.zeros_like(x)
  for c in range(7):
    window = x[..., max(0, c - 2):c + 3].astype(np.float64)
    expected[..., c] = x[..., c] / (1 + 1e-4 / 5 * (window ** 2).sum(-1)) ** 0.75
  np.testing.assert_allclose(towers.local_response_norm(x), expected, rtol=1e-6)


def test_normalisation_keeps_the_precision_and_sums_in_float32():
  x = jnp.full((1, 1, 1, 5), 300.0, jnp.bfloat16)
  out = towers.local_response_norm(x)
  assert out.dtype == jnp.bfloat16
  expected = 300 / (1 + 2e-5 * 5 * 300.0 ** 2) ** 0.75  # of the channel that sees all five
  np.testing.assert_allclose(float(out[0, 0, 0, 2]), expected, rtol=2 ** -8)


def test_pool5_s_width_is_what_the_convolutions_give():
  network = config_lib.Network(channels=(3, 3, 3, 4), pool5=99)
  assert towers.pool5_width((TEXT, PHOTOGRAPH), network) == 4 * 4 * 4
  assert towers.pool5_width((TEXT,), network) == 99


def test_a_text_s_tower_ends_in_that_width():
  module = towers.tower(TEXT, config_lib.Network(hidden=(5, 6)), 64)
  out, variables = outputs(module, (2, 20))
  assert out.shape == (2, 64)
  assert [variables["params"][f"dense{i}"]["kernel"].shape for i in (1, 2, 3)] == [
    (20, 5), (5, 6), (6, 64)]


def test_images_of_several_sizes_are_refused():
  other = modalities_lib.DRAWING._replace(shape=(32, 32, 3))
  with pytest.raises(ValueError, match="image modalities must have one size; got .*'drawing': .32"):
    towers.pool5_width((PHOTOGRAPH, other), config_lib.Network())


def test_images_that_vanish_on_the_way_are_refused():
  tiny = PHOTOGRAPH._replace(shape=(8, 8, 3))
  with pytest.raises(ValueError, match=r"images of \(8, 8\) pixels are too small for tower 'sma"):
    towers.pool5_width((tiny,), config_lib.Network())


def test_what_a_tower_holds_is_counted_from_shapes():
  network = config_lib.Network(channels=(2, 3, 4, 5), hidden=(7,))
  vector = TEXT._replace(shape=(11,))
  parameters, made = towers.demand(vector, network, 13)
  assert parameters == 11 * 7 + 7 + 7 * 13 + 13
  assert made >= 7 + 13  # both layers' results
  parameters, made = towers.demand(PHOTOGRAPH._replace(shape=(32, 32, 3)), network, 0)
  assert parameters == 4 * 4 * 12 * 2 + 2 + 9 * (2 * 3 + 3 * 4 + 4 * 5) + 3 + 4 + 5
  assert made >= 8 * 8 * 2 + 8 * 8 * 3 + 4 * 4 * (4 + 5)
