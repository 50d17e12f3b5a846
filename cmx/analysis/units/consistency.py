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
_EQUAL = 1e-6  # correlations this near are equal: float32 rounds them differently


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
    # A permuted profile is held against the others' own mean: for p_weakest one alone is permuted.
    permuted = np.stack([part[rng.permutation(classes)] for part in z])
    null[i], null_fits[i] = _score(permuted), np.einsum("mcu,mcu->mu", permuted, others)
    on_permutation(i + 1)
  p = _p_values(score, null)
  return Consistency(
    score, p, stats.false_discovery_control(p), _p_values(fits, null_fits).max(axis=0),
    np.einsum("mcu,ncu->mn", z, z) / len(score), float(np.quantile(null, 1 - LEVEL)), _most(null),
    max(map(_most, np.moveaxis(null_fits, 1, 0))), classes)


def _p_values(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
  """Share of permutations [R, ...] that reach what was found [...], which counts as one of them."""
  return (1 + (null >= observed - _EQUAL).sum(axis=0)) / (1 + len(null))


def _most(null: np.ndarray) -> float:
  """95 % point over permutations of the share of units beyond their own, of null [R, U]."""
  beyond = null > np.quantile(null, 1 - LEVEL, axis=0) + _EQUAL
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
  # (sum_m z_m)^2 - sum_m z_m^2 is the sum over all ordered pairs, in M products instead of M^2.
  together = np.square(z.sum(axis=0)).sum(axis=0) - np.square(z).sum(axis=(0, 1))
  return together / (len(z) * (len(z) - 1))
