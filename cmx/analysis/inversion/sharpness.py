"""Sharpness of pictures, as numbers that can be held beside real pictures' own."""

from typing import NamedTuple

import numpy as np

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


class Look(NamedTuple):
  """How pictures look, a mean over pictures.

  Attributes:
    gradient: mean magnitude of the difference between neighbouring pixels, of grey from -1 to 1.
    spectrum: power by wave number 1 ... H / 2 [H / 2], of grey.
  """

  gradient: float
  spectrum: np.ndarray


def look(pictures: np.ndarray) -> Look:
  """How pictures look, uint8 [N, H, H, 3]."""
  grey = (pictures.astype(np.float32) / 127.5 - 1) @ _GREY
  down, right = np.diff(grey, axis=1)[:, :, :-1], np.diff(grey, axis=2)[:, :-1]
  side = grey.shape[1]
  power = np.abs(np.fft.fft2(grey) / side ** 2) ** 2
  frequency = np.fft.fftfreq(side, 1 / side)
  ring = np.rint(np.hypot(frequency[:, None], frequency[None])).astype(int)
  total = np.bincount(ring.ravel(), power.mean(axis=0).ravel())
  rings = total / np.bincount(ring.ravel())
  return Look(float(np.hypot(down, right).mean()), rings[1:side // 2 + 1])


def mean(looks: list[tuple[int, Look]]) -> Look:
  """The look of all pictures, from (their number, their look) of parts."""
  counts = np.array([count for count, _ in looks], np.float64)
  weights = counts / counts.sum()
  return Look(float(weights @ [part.gradient for _, part in looks]),
              weights @ np.stack([part.spectrum for _, part in looks]))


def apart(spectrum: np.ndarray, real: np.ndarray) -> float:
  """Mean over wave numbers of |log10 of the ratio of two powers [F]|: 0.3 is a factor of two."""
  least = 1e-12  # a picture of one colour has no power
  return float(np.mean(np.abs(np.log10(np.maximum(spectrum, least) / np.maximum(real, least)))))
