"""The discriminator of pictures: its verdict on pairs, and that it learns to tell them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cmx.analysis.inversion import discriminator

RNG = np.random.default_rng(0)
CHANNELS = (4, 6)


@pytest.fixture(scope="module")
def params():
  return jax.jit(lambda key: discriminator.init(key, CHANNELS, 16, 5))(jax.random.key(0))


def pictures(count, level):
  return jnp.float32(RNG.normal(level, 0.1, (count, 16, 16, 3)))


def test_there_is_a_logit_for_each_picture_which_its_features_change(params):
  images, features = pictures(3, 0), RNG.normal(size=(3, 5))
  found = discriminator.apply(params, images, features, CHANNELS)
  other = discriminator.apply(params, images, 2 * features, CHANNELS)
  assert found.shape == (3,) and (found != other).all()


def test_equal_pictures_cannot_be_told_apart(params):
  images = pictures(4, 0)
  found = discriminator.verdict(params, images, images, jnp.zeros((4, 5)), jnp.zeros_like(images),
                                CHANNELS)
  assert float(found.loss) == pytest.approx(np.log(2))
  assert float(found.right) == 0 and float(found.slope) == 0


def test_the_slope_is_that_of_both_pictures_by_pixels(params):
  """For small changes, the mean over noise is the squared norm of the gradient."""
  real, fake, features = pictures(1, 0), pictures(1, 0.5), jnp.ones((1, 5))
  gradient = jax.grad(lambda images: discriminator.apply(params, images, features, CHANNELS)[0])
  expected = sum(float(jnp.sum(gradient(images) ** 2)) for images in (real, fake))
  noise = jnp.float32(RNG.normal(size=(400, 16, 16, 3)))
  found = jax.jit(jax.vmap(lambda noise: discriminator.verdict(
    params, real, fake, features, noise[None], CHANNELS).slope))(noise)
  assert float(found.mean()) == pytest.approx(expected, rel=0.25)  # 800 squares of normal numbers


def test_it_learns_to_rank_real_pictures_above_others(params):
  transform = optax.adam(1e-2)
  real, fake = pictures(16, 0.5), pictures(16, -0.5)
  features = jnp.float32(RNG.normal(size=(16, 5)))

  def loss(params):
    found = discriminator.verdict(params, real, fake, features, jnp.zeros_like(real), CHANNELS)
    return found.loss, found.right

  @jax.jit
  def step(params, state):
    (_, right), gradient = jax.value_and_grad(loss, has_aux=True)(params)
    updates, state = transform.update(gradient, state)
    return optax.apply_updates(params, updates), state, right

  state = transform.init(params)
  for _ in range(30):
    params, state, right = step(params, state)
  assert float(right) == 1.0
