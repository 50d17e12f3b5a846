"""Inversion by optimisation: an image with given activations, by gradient descent on the image.

Four small parts that can be exchanged one by one:

  objective         activations {layer: [B, D]} -> [B], to be made small: `match`, `excite`
  parameterisation  what is changed, and the images it stands for: `pixels`, `fourier`
  transform         (key, images) -> images, drawn anew each step so that the result does not hang
                    on single pixels: `jitter`, `blur`, `chain`
  optimiser         any of optax

Images of a batch do not influence each other.

Source: Olah, Mordvintsev and Schubert 2017, feature visualization, and the lucid library; Mahendran
and Vedaldi 2015 for matching features under total variation.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

_DEVIATION = 0.1  # of the random first images, before the tanh

_Activations = Mapping[str, jax.Array]
Objective = Callable[[_Activations], jax.Array]
Transform = Callable[[jax.Array, jax.Array], jax.Array]


def match(layer: str, features: jax.Array) -> Objective:
  """The relative squared distance of a layer's activations to given ones.

  Args:
    layer: name of activations.
    features: [B, D]; a row of zeros is measured against 1.

  Returns:
    Objective |h - f|^2 / |f|^2 [B].
  """
  size = jnp.sum(features ** 2, axis=1)
  size = jnp.where(size > 0, size, 1.0)
  return lambda activations: jnp.sum((activations[layer] - features) ** 2, axis=1) / size


def excite(layer: str, directions: jax.Array) -> Objective:
  """Minus the activation along a direction: minimising it finds what a unit fires for most.

  Args:
    layer: name of activations; a unit that a ReLU has switched off has no gradient, so ask for
      those before it, e.g. "fc7_linear".
    directions: [B, D]; one 1 is a unit, the mean over a channel's places is that channel.

  Returns:
    Objective -h . d [B].
  """
  return lambda activations: -jnp.sum(activations[layer] * directions, axis=1)


class Parameterisation(NamedTuple):
  """What is changed, and the images it stands for.

  Attributes:
    init: key -> parameters.
    images: parameters -> images [B, H, W, 3], pixels in (-1, 1).
  """

  init: Callable[[jax.Array], Any]
  images: Callable[[Any], jax.Array]


def pixels(shape: tuple[int, ...]) -> Parameterisation:
  """Pixels themselves, through a tanh; shape (B, H, W, 3), random at first."""
  return Parameterisation(lambda key: _DEVIATION * jax.random.normal(key, shape), jnp.tanh)


def fourier(shape: tuple[int, ...], decay: float = 1.0) -> Parameterisation:
  """Amplitudes of waves, through a tanh: steps of descent change large forms before fine grain.

  Args:
    shape: (B, H, W, 3).
    decay: a wave of frequency f weighs f^-decay; 1 is as in photographs, 0 is pixels turned round.
  """
  b, h, w, channels = shape
  rows, columns = np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None]
  # the constant weighs as much as the longest wave
  weight = np.maximum(np.hypot(rows, columns), 1 / max(h, w)) ** -decay
  # a wave stands twice in the whole spectrum, of which the half with columns >= 0 is kept
  power = np.sum(2 * weight ** 2 * np.where(columns == 0, 1, 2))
  weight = jnp.asarray(weight * h * w / np.sqrt(power), jnp.float32)[..., None]

  def init(key):
    return _DEVIATION * jax.random.normal(key, (2, b, h, w // 2 + 1, channels))

  def images(spectrum):
    waves = jax.lax.complex(spectrum[0], spectrum[1]) * weight
    return jnp.tanh(jnp.fft.irfft2(waves, s=(h, w), axes=(1, 2)))

  return Parameterisation(init, images)


PARAMETERISATIONS: dict[str, Callable[..., Parameterisation]] = {
  "fourier": fourier, "pixels": pixels}


def jitter(most: int) -> Transform:
  """Moves all images of a batch by the same pixels, at most `most` each way; edges go round."""

  def transform(key, images):
    shift = jax.random.randint(key, (2,), -most, most + 1)
    return jnp.roll(images, shift, axis=(1, 2))

  return transform


def blur(deviation: float) -> Transform:
  """A Gaussian blur of that deviation in pixels; edges are repeated."""
  reach = max(1, int(np.ceil(3 * deviation)))
  weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
  weights = (weights / weights.sum()).tolist()

  def along(images, axis):
    padding = [(0, 0)] * 4
    padding[axis] = (reach, reach)
    padded, size = jnp.pad(images, padding, mode="edge"), images.shape[axis]
    return sum(weight * jax.lax.slice_in_dim(padded, i, i + size, axis=axis)
               for i, weight in enumerate(weights))

  return lambda key, images: along(along(images, 1), 2)


def chain(*transforms: Transform) -> Transform:
  """Transforms one after the other, each with a key of its own; none leaves images as they are."""

  def transform(key, images):
    for i, part in enumerate(transforms):
      images = part(jax.random.fold_in(key, i), images)
    return images

  return transform


def variation(images: jax.Array) -> jax.Array:
  """Total variation: mean absolute difference of neighbouring pixels, [B, H, W, 3] -> [B]."""
  down, right = (jnp.abs(jnp.diff(images, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2))
  return down + right


def optimise(activations: Callable[[Any, jax.Array], _Activations], network: Any,
             objective: Objective, parameterisation: Parameterisation,
             optimizer: optax.GradientTransformation, steps: int, key: jax.Array, *,
             transform: Transform = chain(), smoothness: float = 0.0,
             on_step: Callable[[int, float], None] | None = None) -> tuple[jax.Array, jax.Array]:
  """Images that make an objective small; equal for equal keys.

  Args:
    activations: (network, images [B, H, W, 3]) -> {layer: [B, D]}; differentiated by the images.
    network: parameters of `activations`.
    objective: of the transformed images.
    parameterisation: what is changed.
    optimizer: how it is changed.
    steps: of descent.
    key: random key, of the start and of every step's transform.
    transform: of the images before they are looked at.
    smoothness: weight of the total variation.
    on_step: called with the number of steps done and the mean objective.

  Returns:
    Images [B, H, W, 3] in (-1, 1), and the objective of each at the last step, transformed [B].
  """

  def loss(params, network, key):
    images = parameterisation.images(params)
    values = objective(activations(network, transform(key, images)))
    return jnp.sum(values + smoothness * variation(images)), values

  @jax.jit
  def step(params, state, network, key):
    gradient, values = jax.grad(loss, has_aux=True)(params, network, key)
    updates, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, updates), state, values

  start, walk = jax.random.split(key)
  params = parameterisation.init(start)
  state, values = optimizer.init(params), jnp.zeros(())
  for i in range(steps):
    params, state, values = step(params, state, network, jax.random.fold_in(walk, i))
    if on_step is not None:
      on_step(i + 1, float(values.mean()))
  return parameterisation.images(params), values
