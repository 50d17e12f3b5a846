"""Flow matching: the way from noise, the loss, and what guidance and pull do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx.analysis.inversion import flow

DRAWING = flow.Drawing(steps=8, guidance=1.0, pull=0.0, pulls=1)
IMAGES = jnp.float32(np.random.default_rng(0).uniform(-1, 1, (4, 6, 6, 3)))
NOISE = jax.random.normal(jax.random.key(0), IMAGES.shape)


def test_a_noisy_picture_lies_between_noise_and_picture():
  keys = jax.random.split(jax.random.key(1), 4)
  found = flow.noisy(keys, IMAGES, 0.0)
  times = found.times[:, None, None, None]
  noise = (found.z - times * IMAGES) / (1 - times)
  assert (0 < found.times).all() and (found.times < 1).all() and (found.known == 1).all()
  assert float(noise.std()) == pytest.approx(1, abs=0.15)
  again = flow.noisy(keys[1:2], IMAGES[1:2], 0.0)  # an example's alone
  np.testing.assert_allclose(again.z[0], found.z[1], rtol=1e-6)


def test_features_are_withheld_from_their_share():
  keys = jax.random.split(jax.random.key(2), 2000)
  found = flow.noisy(keys, jnp.zeros((2000, 1, 1, 3)), 0.25)
  assert float(found.known.mean()) == pytest.approx(0.75, abs=0.04)


def test_the_loss_is_the_squared_error_of_the_velocity_and_bounded_late():
  times = jnp.array([0.0, 0.5, 0.9, 0.99])
  found = flow.loss(IMAGES + 0.1, IMAGES, times)
  np.testing.assert_allclose(found, 0.01 / np.array([1, 0.25, 0.01, 0.01]), rtol=1e-4)


def test_who_knows_the_picture_draws_it_whatever_the_steps():
  for steps in (1, 8):
    found = flow.draw(lambda z, times, known: IMAGES, None, NOISE, DRAWING._replace(steps=steps))
    np.testing.assert_allclose(found, IMAGES, atol=1e-5)


def test_another_noise_is_another_picture():
  nearer = lambda z, times, known: jnp.sign(z) * 0.5  # the picture is what the noise leans to
  one, other = (flow.draw(nearer, None, noise, DRAWING) for noise in (NOISE, -NOISE))
  np.testing.assert_allclose(one, -other, atol=1e-5)
  np.testing.assert_allclose(one, jnp.sign(NOISE) * 0.5, atol=1e-5)


def test_guidance_goes_on_from_unknown_over_known():
  guess = lambda z, times, known: 0.2 * known[:, None, None, None] + 0.1 + 0 * z
  for guidance, expected in ((1.0, 0.3), (1.5, 0.4), (3.0, 0.7)):
    found = flow.draw(guess, None, NOISE, DRAWING._replace(guidance=guidance))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_pull_goes_down_the_distance_by_its_length():
  distance = lambda images: jnp.sum((images - 0.5) ** 2, axis=(1, 2, 3))
  images = jnp.zeros((2, 4, 4, 3))
  found = flow.pulled(images, distance, 0.1)
  np.testing.assert_allclose(found, 0.1 / np.sqrt(48), rtol=1e-5)
  still = flow.pulled(images, lambda images: jnp.zeros(2) * images.sum(), 0.1)
  np.testing.assert_array_equal(still, images)


def test_a_pulled_picture_is_nearer_and_more_pulls_are_nearer_still():
  distance = lambda images: jnp.sum((images - 0.5) ** 2, axis=(1, 2, 3))
  guess = lambda z, times, known: 0 * z
  far = [float(distance(flow.draw(guess, distance, NOISE, DRAWING._replace(
    pull=pull, pulls=pulls))).mean()) for pull, pulls in ((0.0, 1), (0.5, 1), (0.5, 2))]
  assert far[0] > far[1] > far[2] and far[0] == pytest.approx(27, rel=1e-4)


def test_pictures_are_clipped():
  found = flow.draw(lambda z, times, known: 3 + 0 * z, None, NOISE, DRAWING)
  assert float(found.max()) == 1.0 == float(found.min())
