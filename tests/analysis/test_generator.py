"""Generators: layouts, up-convolution, shapes, errors, and that they learn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cmx import config as config_lib
from cmx.analysis.inversion import generator

SMALL = generator.small(config_lib.Inversion(hidden=(16,), channels=(8, 6, 5, 4)))


def fresh(layout, features, size):
  """Parameters of a generator; compiled, which is faster than one operation at a time."""
  return jax.jit(lambda key: generator.init(key, layout, features, size))(jax.random.key(0))


def images_of(params, constants, x, layout, features):
  given = {"generator": params, "statistics": constants}
  return jax.jit(lambda given, x: generator.apply(given, x, layout, features))(given, x)


def statistics(size, width):
  return {"mean": np.zeros(width, np.float32), "scale": np.float32(1),
          "image": np.zeros((size, size, 3), np.float32)}


def output(layout, features, size):
  """Shapes (parameters, images) without computing anything."""
  def make(key, x):
    params = generator.init(key, layout, features, size)
    given = {"generator": params, "statistics": statistics(size, int(np.prod(features)))}
    return params, generator.apply(given, x, layout, features)
  x = jax.ShapeDtypeStruct((2, int(np.prod(features))), jnp.float32)
  return jax.eval_shape(make, jax.random.key(0), x)


def sizes(params):
  return {name: sum(leaf.size for leaf in jax.tree.leaves(tree)) for name, tree in params.items()}


# Dosovitskiy and Brox, widths as published; the up-convolutions and those between have no bias.
UPPER = {"up1": 4 * 4 * 256 * 256, "conv1": 3 * 3 * 256 * 512, "up2": 4 * 4 * 512 * 256,
         "conv2": 3 * 3 * 256 * 256, "up3": 4 * 4 * 256 * 128, "conv3": 3 * 3 * 128 * 128,
         "up4": 4 * 4 * 128 * 64, "up5": 4 * 4 * 64 * 32, "up6": 4 * 4 * 32 * 3}


@pytest.mark.parametrize("size", [227, 256])
def test_the_full_layout_of_fc6_and_fc7_has_its_published_parameters(size):
  params, images = output(generator.FULL, (4096,), size)
  dense = 4096 * 4096 + 4096
  assert sizes(params) == {"dense1": dense, "dense2": dense, "dense3": dense, **UPPER}
  assert sum(sizes(params).values()) == 56_096_256
  assert images.shape == (2, size, size, 3)


def test_the_full_layout_of_pool5_has_convolutions_in_place_of_dense_layers():
  params, images = output(generator.FULL, (6, 6, 256), 227)
  assert sizes(params) == {
    "map1": 3 * 3 * 256 * 512 + 512, "map2": 3 * 3 * 512 * 512 + 512,
    "map3": 3 * 3 * 512 * 512 + 512, **UPPER, "up1": 4 * 4 * 512 * 256}
  assert images.shape == (2, 227, 227, 3)


@pytest.mark.parametrize("size, features, base", [
  (64, (10,), 4), (96, (10,), 6), (32, (10,), 2), (60, (10,), 4), (128, (10,), 8),
  (64, (4, 4, 3), 4), (64, (6, 6, 3), 4), (96, (6, 6, 3), 6)])
def test_images_have_the_size_that_is_asked_for(size, features, base):
  assert generator.base_side(size, SMALL) == base
  generator.check(SMALL, features, (size, size, 3))
  assert output(SMALL, features, size)[1].shape == (2, size, size, 3)


def test_the_small_layout_has_a_convolution_after_each_of_the_first_half_of_its_doublings():
  assert SMALL == generator.Layout((16,), (8, 8, 8), (8, 6, 5, 4), (6, 5))


def test_an_up_convolution_paints_patches_that_overlap_by_half():
  rng = np.random.default_rng(0)
  x, kernel = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(4, 4, 4, 6))
  expected = np.zeros((2, 2 * 3 + 2, 2 * 5 + 2, 6))  # a pixel more on each side
  for b, i, j in np.ndindex(2, 3, 5):
    for r, c in np.ndindex(4, 4):
      expected[b, 2 * i + r, 2 * j + c] += x[b, i, j] @ kernel[r, c]
  found = generator.UpConv(6).apply({"params": {"kernel": jnp.float32(kernel)}}, jnp.float32(x))
  np.testing.assert_allclose(found, expected[:, 1:-1, 1:-1], rtol=1e-4, atol=1e-5)


def test_an_up_convolution_is_the_library_s_transposed_one():
  rng = np.random.default_rng(1)
  x, kernel = jnp.float32(rng.normal(size=(2, 4, 4, 3))), jnp.float32(rng.normal(size=(4, 4, 3, 5)))
  expected = jax.lax.conv_transpose(x, kernel[::-1, ::-1], (2, 2), [(2, 2), (2, 2)],
                                    dimension_numbers=("NHWC", "HWIO", "NHWC"))
  found = generator.UpConv(5).apply({"params": {"kernel": kernel}}, x)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_gradient_of_an_up_convolution_is_the_library_s():
  rng = np.random.default_rng(2)
  x, kernel = jnp.float32(rng.normal(size=(2, 3, 4, 3))), jnp.float32(rng.normal(size=(4, 4, 3, 5)))
  weight = jnp.float32(rng.normal(size=(2, 6, 8, 5)))

  def library(x, kernel):
    return jax.lax.conv_transpose(x, kernel[::-1, ::-1], (2, 2), [(2, 2), (2, 2)],
                                  dimension_numbers=("NHWC", "HWIO", "NHWC"))

  found, expected = (jax.grad(lambda x, kernel: jnp.sum(weight * f(x, kernel) ** 2), (0, 1))(
    x, kernel) for f in (generator.up, library))
  for ours, theirs in zip(found, expected):
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_fresh_layers_keep_the_variance():
  layout = generator.Layout((64,), (), (64, 64, 64, 64), (64, 64))
  module = generator.Generator(layout, 64)
  x = jax.random.normal(jax.random.key(1), (16, 64))
  _, found = jax.jit(lambda key: module.init_with_output(key, x, capture_intermediates=True))(
    jax.random.key(0))
  found = {name: part["__call__"][0] for name, part in found["intermediates"].items()
           if name != "__call__"}
  for name in ("dense1", "dense2", "up1", "conv1", "up2", "conv2", "up3"):
    values = found[name]  # before the leaky ReLU; edges of maps see less
    middle = values if values.ndim == 2 else values[:, 2:-2, 2:-2]
    square = float(jnp.mean(middle ** 2)) / (2 / 1.09)  # 2 / 1.09 is halved by the leaky ReLU
    assert 0.5 < square < 2, name  # a wrong fan-in would be a factor of four
  assert float(jnp.abs(found["up4"]).max()) < 0.1


def test_features_are_centred_and_scaled_and_the_mean_image_added():
  x = np.random.default_rng(0).normal(size=(3, 10)).astype(np.float32)
  params = fresh(SMALL, (10,), 32)
  constants = {"mean": np.full(10, 3, np.float32), "scale": np.float32(2),
               "image": np.full((32, 32, 3), 0.25, np.float32)}
  plain = images_of(params, statistics(32, 10), x, SMALL, (10,))
  found = images_of(params, constants, 2 * x + 3, SMALL, (10,))
  np.testing.assert_allclose(found, plain + 0.25, atol=1e-5)


def test_maps_are_read_row_by_row():
  """A place of the features moves what lies there in the image, and little else."""
  layout = generator.Layout((), (8,), (8, 8, 8, 8), ())
  params = fresh(layout, (4, 4, 2), 64)
  params["up4"]["kernel"] *= 1e3  # it starts near nothing
  x = np.zeros((2, 4, 4, 2), np.float32)
  x[1, 0, 3] = 1
  first, second = images_of(params, statistics(64, 32), x.reshape(2, 32), layout, (4, 4, 2))
  changed = np.abs(second - first).sum(axis=-1)
  assert changed[:32, 32:].sum() > 10 * changed[32:, :32].sum()


def test_a_generator_overfits_a_handful_of_images():
  rng = np.random.default_rng(0)
  x = rng.normal(size=(4, 10)).astype(np.float32)
  images = np.repeat(np.repeat(rng.uniform(-1, 1, (4, 8, 8, 3)), 4, axis=1), 4, axis=2)
  constants = statistics(32, 10) | {"image": images.mean(axis=0).astype(np.float32)}
  params, transform = fresh(SMALL, (10,), 32), optax.adam(2e-2)

  def loss(params):
    found = generator.apply({"generator": params, "statistics": constants}, x, SMALL, (10,))
    return jnp.mean((found - images) ** 2)

  @jax.jit
  def step(params, state):
    value, gradient = jax.value_and_grad(loss)(params)
    updates, state = transform.update(gradient, state)
    return optax.apply_updates(params, updates), state, value

  state = transform.init(params)
  for _ in range(80):
    params, state, value = step(params, state)
  floor = np.mean((images - images.mean(axis=0)) ** 2)
  assert float(value) < 0.2 * floor


def test_pixels_are_clipped_and_rounded():
  images = jnp.array([-3.0, -1.0, -0.0001, 0.5, 1.0, 7.0])
  assert generator.pixels(images).tolist() == [0, 0, 127, 191, 255, 255]
  every = np.arange(256, dtype=np.uint8)
  np.testing.assert_array_equal(generator.pixels(jnp.float32(every / 127.5 - 1)), every)


@pytest.mark.parametrize("layout, features, image, message", [
  (SMALL, (10,), (64, 48, 3), r"images of shape \[64, 48, 3\]; expected \[H, H, 3\]"),
  (SMALL, (10,), (64, 64, 1), r"images of shape \[64, 64, 1\]; expected \[H, H, 3\]"),
  (SMALL, (10,), (160, 160, 3), "images of 160 pixels .* 4 up-convolutions; expected 17 to 128"),
  (SMALL, (10,), (16, 16, 3), "images of 16 pixels do not fit"),
  (generator.FULL, (10,), (64, 64, 3), "6 up-convolutions; expected 65 to 512.*'full' has 6"),
  (SMALL, (5, 5, 3), (64, 64, 3), "maps of 5 x 5, images have 64 pixels; expected maps of 4 x 4"),
  (SMALL, (2, 2, 3), (64, 64, 3), "maps of 2 x 2"),
  (SMALL, (12, 12, 3), (64, 64, 3), "maps of 12 x 12")])
def test_images_and_features_that_do_not_fit_are_refused(layout, features, image, message):
  with pytest.raises(ValueError, match=message):
    generator.check(layout, features, image)
