"""Flow matching: what a decoder is trained by, and how pictures are drawn with it, pure.

At time t a picture x is z = t x + (1 - t) noise; it moves with the velocity x - noise, which is
(x - z) / (1 - t). A decoder that says x from z is asked, from t = 0 to 1, where to go. Many
pictures share their features: another noise gives another of them.

Source: Lipman et al. 2023 and Liu et al. 2023; Esser et al. 2024 for the times; Ho and Salimans
2022 for `guidance`; Bansal et al. 2023 for the pull towards the features.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

LATEST = 0.9  # later times weigh as this one in the loss: 1 / (1 - t)^2 has no bound
PULLED_FROM = 0.3  # before this time the picture is a blur, in which a run reads nothing
_MIDDLE, _SPREAD = -0.4, 1.0  # of the logit of times in training

Guess = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]  # (z, times, known) -> pictures


class Drawing(NamedTuple):
  """How pictures are drawn.

  Attributes:
    steps: of Euler's method.
    guidance: 1 as trained; above 1, further from what it would draw without features.
    pull: length of a descent towards the features, pixels in [-1, 1]; 0 for none.
    pulls: such descents in each step.
  """

  steps: int
  guidance: float
  pull: float
  pulls: int


class Noisy(NamedTuple):
  """Pictures on their way.

  Attributes:
    z: [B, H, W, 3].
    times: [B].
    known: [B]; 0 where features are withheld.
  """

  z: jax.Array
  times: jax.Array
  known: jax.Array


def noisy(keys: jax.Array, images: jax.Array, withheld: float) -> Noisy:
  """Pictures [B, H, W, 3] with noise, at times of their own, by a random key for each [B]."""

  def one(key, image):
    of_time, of_noise, of_known = jax.random.split(key, 3)
    time = jax.nn.sigmoid(_MIDDLE + _SPREAD * jax.random.normal(of_time))
    z = time * image + (1 - time) * jax.random.normal(of_noise, image.shape)
    return Noisy(z, time, jnp.float32(jax.random.uniform(of_known) >= withheld))

  return jax.vmap(one)(keys, images)


def loss(found: jax.Array, images: jax.Array, times: jax.Array) -> jax.Array:
  """Squared error of the velocity by pixels: found, images [B, H, W, 3], times [B] -> [B]."""
  error = jnp.mean((found - images) ** 2, axis=(1, 2, 3))
  return error / (1 - jnp.minimum(times, LATEST)) ** 2


def draw(guess: Guess, distance: Callable[[jax.Array], jax.Array] | None, noise: jax.Array,
         drawing: Drawing) -> jax.Array:
  """Pictures from noise.

  Args:
    guess: what the decoder takes noisy pictures for.
    distance: of pictures [B, H, W, 3] to what they shall be read as [B]; its gradient pulls.
    noise: standard normal [B, H, W, 3].
    drawing: how.

  Returns:
    Pictures [B, H, W, 3] in [-1, 1].
  """
  ones = jnp.ones(len(noise))

  def pictures(z, time):
    if drawing.guidance == 1:
      return guess(z, time * ones, ones)
    both = guess(jnp.concatenate([z, z]), time * jnp.tile(ones, 2),
                 jnp.concatenate([ones, 0 * ones]))
    known, unknown = jnp.split(both, 2)
    return unknown + drawing.guidance * (known - unknown)

  def step(i, z):
    time = i / drawing.steps
    found = pictures(z, time)
    if drawing.pull and distance is not None:
      length = jnp.where(time >= PULLED_FROM, drawing.pull, 0.0)
      for _ in range(drawing.pulls):
        found = pulled(found, distance, length)
    return z + (found - z) / (drawing.steps - i)

  return jnp.clip(jax.lax.fori_loop(0, drawing.steps, step, noise), -1, 1)


def pulled(images: jax.Array, distance: Callable[[jax.Array], jax.Array],
           length: jax.Array) -> jax.Array:
  """Images [B, H, W, 3] after a step of that length [] each, down the distance's gradient."""
  gradient = jax.grad(lambda images: jnp.sum(distance(images)))(images)
  norm = jnp.sqrt(jnp.sum(gradient ** 2, axis=(1, 2, 3), keepdims=True))
  return images - length * gradient / jnp.maximum(norm, 1e-8)  # 0 where nothing is read
