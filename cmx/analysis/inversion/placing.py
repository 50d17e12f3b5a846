"""Placing: features of any modality brought to where the reference's natural features lie.

Modalities whose networks agree on what is alike may still lie apart: units fire more or less often,
or more strongly. A decoder has seen the reference's features alone, so others are first given
their mean and deviation, unit by unit, from training examples of both.
"""

from typing import NamedTuple

import numpy as np

_FLOOR = 0.1  # of the root mean variance: a unit that hardly varies is not blown up


class Place(NamedTuple):
  """Where a modality's features lie.

  Attributes:
    mean: of each unit [D].
    deviation: standard, of each unit [D], floored.
    least: the smallest value of any; 0 after a ReLU.
  """

  mean: np.ndarray
  deviation: np.ndarray
  least: float


def place(features: np.ndarray) -> Place:
  """Where training features [N, D] lie."""
  x = np.asarray(features, np.float32)
  variance = x.var(axis=0, dtype=np.float64)
  floor = max(_FLOOR ** 2 * variance.mean(), 1e-12)  # all can be dead
  return Place(x.mean(axis=0, dtype=np.float64).astype(np.float32),
               np.sqrt(variance + floor).astype(np.float32), float(x.min()))


def moved(features: np.ndarray, own: Place, reference: Place) -> np.ndarray:
  """Features [N, D] of a modality with the reference's mean and deviation, float32 [N, D].

  (x - own mean) / own deviation * reference deviation + reference mean, cut off where no feature of
  the reference lies: below 0 after a ReLU.
  """
  x = (np.asarray(features, np.float32) - own.mean) / own.deviation
  moved = np.maximum(x * reference.deviation + reference.mean, reference.least)
  return moved.astype(np.float32)
