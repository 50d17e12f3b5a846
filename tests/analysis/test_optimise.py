"""Inversion by optimisation: each of its parts, and planted optima that it finds."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cmx.analysis.inversion import optimise

KEY = jax.random.key(3)


def linear(network, images):
  """Activations that are sums of pixels: network [H W 3, D]."""
  return {"layer": images.reshape(len(images), -1) @ network, "other": images[:, 0, 0]}


def weights(size=8, width=20):
  return np.random.default_rng(0).normal(size=(size * size * 3, width)).astype(np.float32)


def seek(objective, count=2, size=8, steps=200, rate=0.1, make=optimise.pixels, **options):
  images, values = optimise.optimise(
    linear, weights(size), objective, make((count, size, size, 3)), optax.adam(rate), steps,
    options.pop("key", KEY), **options)
  return np.asarray(images), np.asarray(values)


def planted(count=2, size=8):
  images = np.random.default_rng(1).uniform(-0.8, 0.8, (count, size, size, 3)).astype(np.float32)
  return np.asarray(linear(weights(size), images)["layer"])


@pytest.mark.parametrize("make", [optimise.pixels, optimise.fourier])
def test_an_image_with_planted_features_is_found(make):
  features = planted()
  images, values = seek(optimise.match("layer", features), make=make)
  assert (values < 1e-3).all()
  np.testing.assert_allclose(linear(weights(), images)["layer"], features, atol=0.5)
  assert np.abs(features).mean() > 5 and np.abs(images).max() <= 1


def test_the_image_that_excites_a_unit_most_is_its_own_weights_sign():
  unit = np.eye(20, dtype=np.float32)[[4, 11]]
  images, values = seek(optimise.excite("layer", unit))
  sign = np.sign(weights()[:, [4, 11]]).T.reshape(2, 8, 8, 3)
  np.testing.assert_allclose(images, sign, atol=0.1)
  np.testing.assert_allclose(values, -np.abs(weights()[:, [4, 11]]).sum(axis=0), rtol=0.02)


def test_a_direction_of_several_units_is_their_mean():
  activations = {"layer": jnp.arange(12.0).reshape(2, 6)}
  directions = np.array([[0.5, 0.5, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]], np.float32)
  assert optimise.excite("layer", directions)(activations).tolist() == [-0.5, -11.0]


def test_match_is_relative_and_finite_for_features_of_zeros():
  features = jnp.array([[3.0, 4.0], [0.0, 0.0]])
  objective = optimise.match("layer", features)
  assert objective({"layer": jnp.array([[3.0, 9.0], [0.0, 2.0]])}).tolist() == [1.0, 4.0]


def test_smoothness_makes_images_smooth():
  objective = optimise.match("layer", planted())
  rough, _ = seek(objective)
  smooth, _ = seek(objective, smoothness=1.0)
  assert optimise.variation(smooth).mean() < 0.7 * optimise.variation(rough).mean()


def test_equal_keys_give_equal_images_and_other_keys_others():
  options = {"steps": 5, "transform": optimise.jitter(3)}
  first, again, other = (seek(optimise.match("layer", planted()), key=key, **options)[0]
                         for key in (KEY, KEY, jax.random.key(4)))
  np.testing.assert_array_equal(first, again)
  assert np.abs(first - other).max() > 0.1


def test_images_of_a_batch_do_not_influence_each_other():
  features = planted()
  changed = features.copy()
  changed[1] = -features[1]
  options = {"steps": 20, "transform": optimise.chain(optimise.jitter(2), optimise.blur(0.5))}
  first, _ = seek(optimise.match("layer", features), **options)
  second, _ = seek(optimise.match("layer", changed), **options)
  np.testing.assert_allclose(first[0], second[0], atol=1e-6)
  assert np.abs(first[1] - second[1]).max() > 0.1


def test_progress_is_told_after_every_step():
  told = []
  seek(optimise.match("layer", planted()), steps=3, on_step=lambda *what: told.append(what))
  assert [done for done, _ in told] == [1, 2, 3]
  assert told[0][1] > told[1][1] > told[2][1] > 0


def test_no_steps_give_the_random_start():
  images, _ = seek(optimise.match("layer", planted()), steps=0)
  assert 0.05 < images.std() < 0.2


@pytest.mark.parametrize("make", optimise.PARAMETERISATIONS.values())
@pytest.mark.parametrize("shape", [(4, 32, 32, 3), (4, 24, 33, 3)])
def test_the_start_is_a_faint_noise(make, shape):
  found = make(shape)
  images = np.arctanh(np.asarray(found.images(found.init(KEY))))
  assert images.shape == shape
  np.testing.assert_allclose(images.std(), 0.1, rtol=0.15)  # long waves: few numbers decide it


def test_waves_weigh_by_their_frequency():
  found = optimise.fourier((50, 32, 32, 3), decay=1.0)
  images = np.arctanh(np.asarray(found.images(found.init(KEY))))
  power = (np.abs(np.fft.fft2(images, axes=(1, 2))) ** 2).mean(axis=(0, 3))
  ratio = power[0, 2] / power[0, 8]
  np.testing.assert_allclose(ratio, (8 / 2) ** 2, rtol=0.25)  # 150 draws of each


def test_a_wave_is_a_sum_of_cosines():
  """One spectrum value against the slow sum of its wave and the mirrored one."""
  found = optimise.fourier((1, 8, 8, 3), decay=0.0)
  spectrum = np.zeros((2, 1, 8, 5, 3), np.float32)
  spectrum[:, 0, 1, 2, 0] = 0.3, -0.2
  image = np.arctanh(np.asarray(found.images(spectrum)))[0, :, :, 0]
  row, column = np.mgrid[:8, :8]
  angle = 2 * np.pi * (1 * row + 2 * column) / 8
  expected = 0.3 * np.cos(angle) + 0.2 * np.sin(angle)
  np.testing.assert_allclose(image / image[0, 0], expected / expected[0, 0], atol=1e-4)


def test_jitter_moves_whole_pixels_and_goes_round():
  images = jnp.arange(2 * 6 * 6 * 3.0).reshape(2, 6, 6, 3)
  seen = set()
  for i in range(60):
    moved = np.asarray(optimise.jitter(1)(jax.random.key(i), images))
    shift = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)
             if (np.roll(images, (down, right), (1, 2)) == moved).all()]
    assert len(shift) == 1
    seen.add(shift[0])
  assert len(seen) == 9


def test_blur_is_a_gaussian_with_repeated_edges():
  images = np.random.default_rng(0).normal(size=(1, 7, 5, 3)).astype(np.float32)
  weight = np.exp(-0.5 * (np.arange(-3, 4) / 0.8) ** 2)
  weight /= weight.sum()
  expected = np.zeros_like(images)
  for i, j, k, m in np.ndindex(7, 5, 7, 7):
    row, column = np.clip(i + k - 3, 0, 6), np.clip(j + m - 3, 0, 4)
    expected[0, i, j] += weight[k] * weight[m] * images[0, row, column]
  np.testing.assert_allclose(optimise.blur(0.8)(KEY, images), expected, atol=1e-5)


def test_a_chain_applies_its_parts_in_turn_with_keys_of_their_own():
  images = jnp.ones((1, 2, 2, 3))
  drawn = lambda key, images: images + jax.random.normal(key, ())
  double = lambda key, images: 2 * images
  found = optimise.chain(double, drawn, drawn)(KEY, images)
  noise = sum(jax.random.normal(jax.random.fold_in(KEY, i), ()) for i in (1, 2))
  np.testing.assert_allclose(found, 2 + noise, rtol=1e-6)
  np.testing.assert_array_equal(optimise.chain()(KEY, images), images)


def test_total_variation_is_the_mean_difference_of_neighbours():
  images = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
  for image, found in zip(images, optimise.variation(images)):
    down = [abs(image[i + 1, j, c] - image[i, j, c]) for i, j, c in np.ndindex(3, 5, 3)]
    right = [abs(image[i, j + 1, c] - image[i, j, c]) for i, j, c in np.ndindex(4, 4, 3)]
    np.testing.assert_allclose(found, np.mean(down) + np.mean(right), rtol=1e-5)
