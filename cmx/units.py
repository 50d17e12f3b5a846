"""Units: which inputs excite them most, and whether they mean the same in every modality.

A unit is one coordinate of a layer, as fc6 and fc7 have them. pool5 of a convolutional tower is a
map: there a unit is a channel, and its response to an example is its largest value over all places.
Where a text's pool5 stands in for such a map, the same channel's values are the same unit.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.05  # a unit counts where its p is at most this
EQUAL = 1e-6  # correlations this near are equal: float32 rounds them differently


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
    highest: n, values kept of each unit for its threshold, see `kept`.
  """
  return Tally(np.zeros(classes, np.int64), np.zeros((classes, units)),
               np.full(units, np.inf, np.float32), np.full((units, top), -np.inf, np.float32),
               np.full((units, top), -1, np.int64), np.zeros((units, top, places), np.float32),
               np.full((units, highest), -np.inf, np.float32))


def kept(share: float, values: int) -> int:
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
  top = order.shape[1]
  unit = np.arange(len(order))[:, None]
  earlier = tally.maps[unit, np.minimum(order, top - 1)]
  these = x[np.maximum(order - top, 0), :, unit]
  return np.where(order[..., None] < top, earlier, these)


def _largest(values: np.ndarray, count: int) -> np.ndarray:
  return np.partition(values, values.shape[1] - count, axis=1)[:, -count:]


def threshold(tally: Tally) -> np.ndarray:
  """The value above which a unit fires [U]: at most the share of `kept` of all values is above."""
  return tally.highest.min(axis=1)


def profile(tally: Tally) -> np.ndarray:
  """Mean response of each class [C, U]; NaN for classes without examples."""
  count = tally.count[:, None]
  return np.where(count > 0, tally.total / np.maximum(count, 1), np.nan)


def dead(tally: Tally) -> np.ndarray:
  """Units that answer every example alike, bool [U]."""
  return tally.values[:, 0] <= tally.lowest


class Consistency(NamedTuple):
  """Whether units answer to the same classes in all modalities.

  Attributes:
    score: correlation of the class profiles, mean over pairs of modalities [U]; a modality in which
      a unit is dead correlates with none (0).
    p: chance of such a score, or a higher one, if no profile had to do with any other [U].
    q: among units with a p as small, the share expected by chance alone [U] (false discovery rate,
      Benjamini & Hochberg 1995).
    p_weakest: the same for the modality that fits the others least: small only where *every*
      modality's profile goes with the mean of the others' [U]. A unit that answers to one of C
      classes alone cannot go below 1 / C.
    pairs: mean over units of each pair's correlation [M, M].
    null: the score that 5 % of units reach by chance, over all permutations.
    most: the share of units with p <= `LEVEL` that 95 % of permutations stay below. On average it
      is `LEVEL`, but units of one layer hang together: they meet chance in the same permutations.
    most_weakest: the same for p_weakest, if one modality had to do with no other.
    classes: number of classes compared: those of which every modality has examples.
  """

  score: np.ndarray
  p: np.ndarray
  q: np.ndarray
  p_weakest: np.ndarray
  pairs: np.ndarray
  null: float
  most: float
  most_weakest: float
  classes: int


def consistency(profiles: np.ndarray, rng: np.random.Generator, permutations: int,
                on_permutation: Callable[[int], None] = lambda done: None) -> Consistency:
  """Correlation of units' class profiles across modalities, against permuted classes.

  The null hypothesis of `p`: every modality's classes are permuted, each by a permutation of its
  own. That of `p_weakest`: the classes of one modality alone, whichever fits the others least; its
  p is the largest of the modalities' (intersection-union test), so that it needs no correction.

    p = (1 + number of permutations that reach the score) / (1 + permutations)

  Args:
    profiles: mean response by modality, class and unit [M, C, U]; NaN where there is no example.
    rng: of the permutations; all units share them.
    permutations: number; no p is below 1 / (1 + permutations).
    on_permutation: called with the number done.

  Raises:
    ValueError: if there are fewer than 2 modalities, or 3 classes that all of them have.
  """
  common = ~np.isnan(profiles).any(axis=(0, 2))
  modalities, classes = len(profiles), int(common.sum())
  if modalities < 2 or classes < 3:
    raise ValueError(f"{modalities} modalities with examples of {classes} common classes; expected "
                     "2 modalities and 3 classes or more to compare profiles")
  z = _standardised(profiles[:, common])
  score = _score(z)
  others = (z.sum(axis=0) - z) / (modalities - 1)
  fits = np.einsum("mcu,mcu->mu", z, others)
  null = np.empty((permutations, *score.shape), np.float32)
  null_fits = np.empty((permutations, *fits.shape), np.float32)
  for i in range(permutations):
    permuted = np.stack([part[rng.permutation(classes)] for part in z])
    null[i], null_fits[i] = _score(permuted), np.einsum("mcu,mcu->mu", permuted, others)
    on_permutation(i + 1)
  p = _p_values(score, null)
  return Consistency(
    score, p, stats.false_discovery_control(p), _p_values(fits, null_fits).max(axis=0),
    np.einsum("mcu,ncu->mn", z, z) / len(score), float(np.quantile(null, 1 - LEVEL)), _most(null),
    max(map(_most, np.moveaxis(null_fits, 1, 0))), classes)


def _p_values(found: np.ndarray, null: np.ndarray) -> np.ndarray:
  """Share of permutations [R, ...] that reach what was found [...], which counts as one of them."""
  return (1 + (null >= found - EQUAL).sum(axis=0)) / (1 + len(null))


def _most(null: np.ndarray) -> float:
  """95 % point over permutations of the share of units beyond their own, of null [R, U]."""
  beyond = null > np.quantile(null, 1 - LEVEL, axis=0) + EQUAL
  return float(np.quantile(beyond.mean(axis=1), 0.95))


def _standardised(profiles: np.ndarray) -> np.ndarray:
  """Profiles [M, C, U] with mean 0 and length 1 over classes, so that products correlate."""
  centred = profiles - profiles.mean(axis=1, keepdims=True)
  length = np.linalg.norm(centred, axis=1, keepdims=True)
  scale = np.abs(profiles).max(axis=1, keepdims=True)
  flat = length <= 1e-6 * scale  # what is left of equal float32 means is rounding
  return np.where(flat, 0, centred / np.where(flat, 1, length)).astype(np.float32)


def _score(z: np.ndarray) -> np.ndarray:
  """Mean over pairs of modalities of the products of z [M, C, U], by one sum over modalities."""
  together = np.square(z.sum(axis=0)).sum(axis=0) - np.square(z).sum(axis=(0, 1))
  return together / (len(z) * (len(z) - 1))
