"""Residual networks: the parameters of ResNet-18, and every place against plain numpy."""

import functools

import caffenet
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import modalities
from cmx.network import residual
from cmx.network import towers

PLAN = residual.Plan((4, 3), True, ((1, 4), (2, 6)))


def shapes(plan, size):
  return jax.eval_shape(residual.Network(plan).init, jax.random.key(0),
                        jnp.zeros((1, size, size, 3)))["params"]


def test_resnet_18_has_the_parameters_that_torchvision_s_has_without_its_classifier():
  assert sum(leaf.size for leaf in jax.tree.leaves(shapes(residual.RESNET18, 64))) == 11_176_512


@pytest.mark.parametrize("tower, size, maps", [
  ("resnet18", 224, (3, 3, 512)), ("resnet18", 227, (4, 4, 512)), ("resnet_small", 32, (2, 2, 128)),
  ("resnet_small", 64, (4, 4, 128)), ("resnet_small", 96, (6, 6, 128))])
def test_pool5_s_size(tower, size, maps):
  row, network = modalities.NATURAL._replace(shape=(size, size, 3)), config_lib.Network(tower=tower)
  assert towers.layout((row,), network)[:3] == maps
  assert towers.pool5_width((row,), network) == np.prod(maps)


def test_images_that_leave_no_place_are_refused():
  row = modalities.NATURAL._replace(shape=(32, 32, 3))
  with pytest.raises(ValueError, match=r"images of \(32, 32\) pixels are too small for tower"):
    towers.pool5_width((row,), config_lib.Network(tower="resnet18"))


def norm(x, p):
  """x [D, H, W], over its channels."""
  z = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
  return z * p["scale"][:, None, None] + p["bias"][:, None, None]


def convolve(x, p, stride):
  kernel = np.transpose(p["kernel"], (3, 2, 0, 1))
  return caffenet.convolve(x, kernel, np.zeros(len(kernel)), stride, kernel.shape[2] // 2, 1)


def block(x, p, stride):
  y = convolve(np.maximum(norm(convolve(x, p["conv1"], stride), p["norm1"]), 0), p["conv2"], 1)
  if "projection" in p:
    x = np.tensordot(p["projection"]["kernel"], x[:, ::stride, ::stride], (0, 0))
    x = norm(x, p["norm3"])
  return np.maximum(x + norm(y, p["norm2"]), 0)


def plain(x, p):
  """The network of `PLAN` on x [H, W, 3], channels first inside."""
  x = np.maximum(norm(convolve(np.transpose(x, (2, 0, 1)), p["conv"], 2), p["norm"]), 0)
  padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
  places = range(0, padded.shape[1] - 2, 2)
  x = np.array([[padded[:, i:i + 3, j:j + 3].max((1, 2)) for j in places] for i in places])
  x = np.transpose(x, (2, 0, 1))
  for name, stride in (("stage1_block1", 1), ("stage2_block1", 2), ("stage2_block2", 1)):
    x = block(x, p[name], stride)
  h, w = (length // 2 for length in x.shape[1:])
  return np.array([[x[:, 2 * i:2 * i + 2, 2 * j:2 * j + 2].mean((1, 2)) for j in range(w)]
                   for i in range(h)])


@pytest.fixture(scope="module")
def params():
  """Parameters with no branch switched off."""
  rng = np.random.default_rng(0)
  return jax.tree.map(lambda x: rng.normal(0.3, 0.5, x.shape).astype(np.float32), shapes(PLAN, 29))


@functools.partial(jax.jit, static_argnums=2)
def apply(params, x, dtype="float32"):
  return residual.Network(PLAN, jnp.dtype(dtype)).apply({"params": params}, x)


def test_every_place_is_what_plain_numpy_gives(params):
  x = np.random.default_rng(1).normal(size=(2, 29, 29, 3)).astype(np.float32)
  found = apply(params, x)
  double = jax.tree.map(np.float64, params)
  np.testing.assert_allclose(found, [plain(image, double) for image in np.float64(x)], rtol=1e-4,
                             atol=1e-4)


def test_bfloat16_computes_near_it_with_float32_parameters(params):
  x = np.random.default_rng(1).normal(size=(1, 29, 29, 3)).astype(np.float32)
  exact, near = (apply(params, x, dtype) for dtype in ("float32", "bfloat16"))
  assert near.dtype == jnp.bfloat16
  assert np.abs(near - exact).max() < 0.05 * np.abs(exact).max()


def test_a_fresh_block_hands_on_its_shortcut():
  x = np.abs(np.random.default_rng(2).normal(size=(1, 5, 5, 4))).astype(np.float32)
  out, _ = residual.Block(4, 1, jnp.dtype("float32")).init_with_output(jax.random.key(0), x)
  np.testing.assert_array_equal(out, x)


def test_an_example_does_not_depend_on_the_others(params):
  x = np.random.default_rng(3).normal(size=(3, 29, 29, 3)).astype(np.float32)
  np.testing.assert_allclose(apply(params, x)[1:2], apply(params, x[1:2]), rtol=1e-5, atol=1e-6)
