"""What a pass over a split keeps of every unit, whatever the number of examples.

A unit is one coordinate of a layer, as fc6 and fc7 have them. pool5 of a convolutional tower is a
map: there a unit is a channel, and its response to an example is its largest value over all places.
Where a text's pool5 stands in for such a map, the same channel's values are the same unit.
"""

from typing import NamedTuple

import numpy as np


class Tally(NamedTuple):
  """What a pass over one modality's examples keeps of a layer: its size ignores how many there are.

  Attributes:
    count: examples of each class, int [C].
    total: sum of the responses of each class [C, U].
    lowest: smallest response [U].
    values: largest responses, in descending order [U, k]; -inf where there are no more examples.
    rows: the examples they belong to, int [U, k]; -1 where there is none.
    maps: values of those examples at all places [U, k, P].
    highest: largest values over all examples and places, in no order [U, n].
  """

  count: np.ndarray
  total: np.ndarray
  lowest: np.ndarray
  values: np.ndarray
  rows: np.ndarray
  maps: np.ndarray
  highest: np.ndarray


def start(classes: int, units: int, places: int, *, top: int, highest: int) -> Tally:
  """The tally of no examples.

  Args:
    classes: C.
    units: U.
    places: P of the layer's map; 1 where it is none.
    top: k, examples kept of each unit.
    highest: n, values kept of each unit for its threshold, see `values_to_keep`.
  """
  return Tally(np.zeros(classes, np.int64), np.zeros((classes, units)),
               np.full(units, np.inf, np.float32), np.full((units, top), -np.inf, np.float32),
               np.full((units, top), -1, np.int64), np.zeros((units, top, places), np.float32),
               np.full((units, highest), -np.inf, np.float32))


def values_to_keep(share: float, values: int) -> int:
  """How many of `values` values a tally keeps so that at most this share is above the lowest kept.

  Raises:
    ValueError: unless 0 < share < 1.
  """
  if not 0 < share < 1:
    raise ValueError(f"share {share} of values that fire; expected one between 0 and 1")
  return int(share * values) + 1


def add(tally: Tally, x: np.ndarray, labels: np.ndarray, row: int) -> Tally:
  """The tally with b more examples, those of rows [row, row + b); rows only grow.

  Equal responses rank by row, so that the result does not depend on the size of the parts.

  Args:
    tally: so far.
    x: values [b, P, U].
    labels: classes, int [b].
    row: of the first example.
  """
  x = np.asarray(x, np.float32)
  responses = x.max(axis=1)
  classes, top = len(tally.count), tally.values.shape[1]
  members = np.eye(classes)[labels]
  values = np.concatenate([tally.values, responses.T], axis=1)
  order = np.argsort(-values, axis=1, kind="stable")[:, :top]  # those that came first win a tie
  these = np.broadcast_to(row + np.arange(len(x)), responses.T.shape)
  rows = np.concatenate([tally.rows, these], axis=1)
  return Tally(
    tally.count + np.bincount(labels, minlength=classes), tally.total + members.T @ responses,
    np.minimum(tally.lowest, responses.min(axis=0)), np.take_along_axis(values, order, 1),
    np.take_along_axis(rows, order, 1), _maps(tally, x, order),
    _largest(np.concatenate([tally.highest, x.reshape(-1, x.shape[2]).T], axis=1),
             tally.highest.shape[1]))


def _maps(tally: Tally, x: np.ndarray, order: np.ndarray) -> np.ndarray:
  """Maps of the examples that lead by now: of earlier ones, or of this part's."""
  top = order.shape[1]  # in `order`, examples of the tally have numbers below it
  unit = np.arange(len(order))[:, None]
  earlier = tally.maps[unit, np.minimum(order, top - 1)]
  these = x[np.maximum(order - top, 0), :, unit]
  return np.where(order[..., None] < top, earlier, these)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
  return np.partition(values, values.shape[1] - count, axis=1)[:, -count:]


def threshold(tally: Tally) -> np.ndarray:
  """The value above which a unit fires [U]: at most the share that was asked for is above."""
  return tally.highest.min(axis=1)


def profile(tally: Tally) -> np.ndarray:
  """Mean response of each class [C, U]; NaN for classes without examples."""
  count = tally.count[:, None]
  return np.where(count > 0, tally.total / np.maximum(count, 1), np.nan)


def dead(tally: Tally) -> np.ndarray:
  """Units that answer every example alike, bool [U]."""
  return tally.values[:, 0] <= tally.lowest
