"""Convolutions and pools: equal to the operations of jax.lax and Flax that they stand for."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from cmx.network import convolution

LAYOUT = ("NHWC", "HWIO", "NHWC")


def values(seed, *shape):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def both(function, *args):
  """The function's values, and its gradients to all arguments of a random projection."""
  out, pull = jax.vjp(function, *args)
  return out, *pull(values(9, *out.shape))


# size, kernel, stride, padding, groups; the first two are layers of the Places-CNN, made narrow
CASES = [(43, 11, 4, (0, 0), 1), (13, 5, 1, (2, 2), 2), (9, 3, 1, (1, 1), 1), (8, 3, 2, (1, 1), 3),
         (10, 4, 3, (2, 1), 2), (7, 1, 1, (0, 0), 1), (6, 6, 1, (0, 0), 1), (11, 2, 4, (0, 0), 1)]


@pytest.mark.parametrize("size, kernel, stride, padding, groups", CASES)
def test_convolutions_and_gradients_equal_lax(size, kernel, stride, padding, groups):
  x = values(0, 2, size, size + 2, 6)
  weights = values(1, kernel, kernel, 6 // groups, 12)
  strides, pads = (stride, stride), (padding, padding)
  ours = both(lambda x, k: convolution.grouped(x, k, strides, pads, feature_group_count=groups),
              x, weights)
  theirs = both(lambda x, k: lax.conv_general_dilated(
    x, k, strides, pads, dimension_numbers=LAYOUT, feature_group_count=groups), x, weights)
  for a, b in zip(ours, theirs, strict=True):
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * np.abs(b).max())


def test_bfloat16_sums_in_float32():
  x = jnp.asarray(values(0, 4, 9, 9, 8), jnp.bfloat16)
  weights = jnp.asarray(values(1, 3, 3, 8, 8), jnp.bfloat16)
  gradient = jnp.ones((4, 9, 9, 8), jnp.bfloat16)
  convolve = lambda x, k: convolution.grouped(x, k, (1, 1), ((1, 1), (1, 1)))
  ours = jax.vjp(convolve, x, weights)[1](gradient)[1]
  exact = jax.vjp(convolve, *(jnp.asarray(a, jnp.float32) for a in (x, weights)))[1](
    jnp.ones((4, 9, 9, 8)))[1]
  assert ours.dtype == jnp.bfloat16
  # Only the result is rounded: half a unit in the last of 8 bits.
  np.testing.assert_allclose(ours.astype(np.float32), exact, rtol=2 ** -8, atol=1e-4)


def test_flax_uses_it_with_the_parameters_of_its_own():
  x = values(0, 2, 9, 9, 4)
  fields = {"padding": 1, "feature_group_count": 2}
  plain = nn.Conv(6, (3, 3), 2, **fields)
  ours = nn.Conv(6, (3, 3), 2, **fields, conv_general_dilated=convolution.grouped)
  params = plain.init(jax.random.key(0), x)
  np.testing.assert_allclose(ours.apply(params, x), plain.apply(params, x), atol=1e-5)
  jax.tree.map(np.testing.assert_array_equal, ours.init(jax.random.key(0), x), params)


@pytest.mark.parametrize("size, window, stride", [(9, 3, 2), (10, 3, 2), (8, 2, 2), (9, 2, 2),
                                                  (7, 3, 3), (5, 2, 1), (3, 3, 2)])
def test_pools_and_gradients_equal_a_window_reduction(size, window, stride):
  x = values(2, 3, size, size + 1, 5)
  ours = both(lambda x: convolution.max_pool(x, window, stride), x)
  theirs = both(lambda x: nn.max_pool(x, (window, window), (stride, stride)), x)
  np.testing.assert_array_equal(ours[0], theirs[0])
  np.testing.assert_allclose(ours[1], theirs[1], atol=1e-6)  # up to the order of the sums


def test_the_gradient_of_a_pool_goes_to_the_first_of_equal_maxima():
  x = jnp.array([[1.0, 5.0, 5.0], [5.0, 0.0, 2.0], [3.0, 5.0, 4.0]]).reshape(1, 3, 3, 1)
  gradient = jax.grad(lambda x: convolution.max_pool(x, 3, 2).sum())(x)
  np.testing.assert_array_equal(gradient.reshape(3, 3), [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_other_platforms_get_the_library_s_weight_gradient():
  """The row-wise form is for CPUs; nobody else may find a loop over examples in the program."""
  weight = jax.grad(lambda k, x: convolution.grouped(x, k, (1, 1), ((1, 1), (1, 1))).sum())
  traced = jax.jit(weight).trace(values(0, 3, 3, 4, 4), values(1, 2, 8, 8, 4))
  assert "stablehlo.while" in traced.lower(lowering_platforms=("cpu",)).as_text()
  for platform in ("tpu", "cuda"):
    assert "stablehlo.while" not in traced.lower(lowering_platforms=(platform,)).as_text()
