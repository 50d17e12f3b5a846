"""The decoder: shapes, what its pictures hang on, patches, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx.analysis.inversion import decoder

MAPS, DEPTH = (4, 8), 1
RNG = np.random.default_rng(0)


def fresh(size, width=5):
  """Parameters of which none is zero: at first the decoder says nothing."""
  params = jax.jit(lambda key: decoder.init(key, MAPS, DEPTH, width, size))(jax.random.key(0))
  return jax.tree.map(lambda leaf: leaf + 0.1 * RNG.normal(size=leaf.shape).astype("f"), params)


def draw(params, size, times=0.5, x=1.0, known=1.0):
  z = jax.random.normal(jax.random.key(1), (2, size, size, 3))
  return jax.jit(lambda params, z: decoder.apply(
    params, z, times * jnp.ones(2), x * jnp.ones((2, 5)), known * jnp.ones(2), MAPS, DEPTH))(
      params, z)


@pytest.mark.parametrize("size, patch", [(8, 1), (32, 2), (60, 4), (64, 4), (227, 15)])
def test_pictures_of_any_size_fit_on_sixteen_patches_a_side(size, patch):
  assert decoder.patch_of(size) == patch
  found = jax.eval_shape(lambda key, z: decoder.apply(
    decoder.init(key, MAPS, DEPTH, 5, size), z, jnp.ones(2), jnp.ones((2, 5)), jnp.ones(2), MAPS,
    DEPTH), jax.random.key(0), jax.ShapeDtypeStruct((2, size, size, 3), jnp.float32))
  assert found.shape == (2, size, size, 3)


def test_a_picture_hangs_on_time_and_on_features_that_are_known():
  params = fresh(20)
  found = draw(params, 20)
  assert (draw(params, 20, times=0.6) != found).any() and (draw(params, 20, x=2.0) != found).any()
  unknown = draw(params, 20, known=0.0)
  assert (unknown != found).any()
  np.testing.assert_array_equal(draw(params, 20, x=2.0, known=0.0), unknown)


def test_patches_are_unfolded_as_they_were_folded():
  x = RNG.normal(size=(2, 6, 9, 4))
  folded = decoder.fold(x, 3)
  assert folded.shape == (2, 2, 3, 36)
  np.testing.assert_array_equal(folded[1, 1, 2].reshape(3, 3, 4), x[1, 3:6, 6:9])
  np.testing.assert_array_equal(decoder.unfold(folded, 3), x)


def test_pixels_are_clipped_and_rounded():
  images = jnp.array([-3.0, -1.0, -0.0001, 0.5, 1.0, 7.0])
  assert decoder.pixels(images).tolist() == [0, 0, 127, 191, 255, 255]
  every = np.arange(256, dtype=np.uint8)
  np.testing.assert_array_equal(decoder.pixels(jnp.float32(every / 127.5 - 1)), every)


@pytest.mark.parametrize("maps, image, message", [
  (MAPS, (64, 48, 3), r"images of shape \[64, 48, 3\]; expected \[H, H, 3\]"),
  (MAPS, (64, 64, 1), r"images of shape \[64, 64, 1\]; expected \[H, H, 3\]"),
  ((4, 8, 8), (64, 64, 3), "inversion.maps 4,8,8; expected two numbers"),
  ((4, 6), (64, 64, 3), "inversion.maps 4,6; .* divisible by 4")])
def test_what_does_not_fit_is_refused(maps, image, message):
  with pytest.raises(ValueError, match=message):
    decoder.check(maps, image)
