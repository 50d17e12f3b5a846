"""Surfaces: textures and noise, computed once and cut at random places by the renderers."""

import functools

import numpy as np

SIDE = 512  # pixels of a texture, which wraps around
_OCTAVES = {"soft": (.03, .03), "grain": (.25, .25), "ground": (.05, .25), "water": (.02, .3),
            "cloud": (.015, .035)}  # width of the spectrum along x and y, cycles per pixel


@functools.cache
def texture(kind: str) -> np.ndarray:
  """A texture of zero mean and unit variance that wraps around, float32 [SIDE, SIDE].

  Its kind is "soft", "grain", "ground", "water" or "cloud".
  """
  fx, fy = _OCTAVES[kind]
  rng = np.random.default_rng(sum(kind.encode()))
  y, x = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]
  spectrum = 1 / (1 + (x / fx) ** 2 + (y / fy) ** 2) ** 1.5
  field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * spectrum).real
  field -= field.mean()
  return (field / field.std()).astype(np.float32)


@functools.cache
def noise() -> np.ndarray:
  """Sensor noise, standard normal, correlated between colours, float32 [SIDE, SIDE, 3]."""
  rng = np.random.default_rng(7)
  grey = rng.standard_normal((SIDE, SIDE, 1), np.float32)
  return (.8 * grey + .6 * rng.standard_normal((SIDE, SIDE, 3), np.float32)).astype(np.float32)


def cut(field: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
  """A random window [size, size, ...] of a field; larger than the field, it is repeated."""
  if size > SIDE - 64:
    times = -(-(size + 64) // SIDE)
    field = np.tile(field, (times, times) + (1,) * (field.ndim - 2))
  y, x = rng.integers(0, field.shape[0] - size + 1), rng.integers(0, field.shape[1] - size + 1)
  return field[y:y + size, x:x + size]
