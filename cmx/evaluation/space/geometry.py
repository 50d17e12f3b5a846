"""Gaps between modalities and hubs, by geometry: no ranking by class, no classifier."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import distance

NEAREST = 10
EXAMPLES = 2_000  # of each modality whose distances are taken, at most
_CELLS = 1 << 24  # similarities held at once

CENTROID = ("Centroid gap: distance of the modalities' mean unit vectors; by chance, two halves of "
            "one modality of these sizes have sqrt(s2_a / n_a + s2_b / n_b), s2 the variance of "
            "unit vectors about their mean.")
DISTRIBUTION = ("Distribution gap: energy distance 2 E|a - b| - E|a - a'| - E|b - b'| of unit "
                "vectors about their modality's mean: what stays when the centroids are brought "
                "together. 0 where the distributions are one.")
HUBNESS = ("Hubness: skewness of how often an item is among the 10 nearest of a query. By chance, "
           "(1 - 2p) / sqrt(Q p (1 - p)) with p = 10 / N, of a binomial count.")


class Gap(NamedTuple):
  """How far two modalities are apart.

  Attributes:
    centroid: distance of the mean unit vectors, 0 to 2.
    centroid_chance: the same of two samples of one modality, about.
    distribution: energy distance about the means; about 0 by chance, and can be below.
  """

  centroid: float
  centroid_chance: float
  distribution: float


def gap(a: np.ndarray, b: np.ndarray) -> Gap:
  """The gaps of two modalities' unit vectors.

  Args:
    a: [N, D], N >= 2; zero rows count as they are.
    b: [M, D], M >= 2.

  Source: the centroid gap, Liang et al. 2022; that it is one part and a gap of distributions the
    other, arXiv 2604.00279; energy distance, Szekely and Rizzo 2004.
  """
  means = [x.mean(axis=0, dtype=np.float64) for x in (a, b)]
  variance = [np.sum(x.var(axis=0, dtype=np.float64)) / (len(x) - 1) for x in (a, b)]
  rng = np.random.default_rng(0)
  x, y = (part[np.sort(rng.permutation(len(part))[:EXAMPLES])] - mean
          for part, mean in zip((a, b), means))
  # About a mean of their own, n examples have (n - 1) / n of the variance about the true one.
  wide = [part * np.sqrt(len(of) / (len(of) - 1)) for part, of in ((x, a), (y, b))]
  energy = 2 * distance.cdist(*wide).mean() - _within(x) - _within(y)
  return Gap(float(np.linalg.norm(means[0] - means[1])), float(np.sqrt(sum(variance))),
             float(energy))


def _within(x: np.ndarray) -> float:
  """Mean distance of two different rows of x [N, D]."""
  return float(distance.pdist(x).mean())


class Hubness(NamedTuple):
  """Skewness of the k-occurrence, and what chance gives."""

  skewness: float
  chance: float


def hubness(queries: np.ndarray, gallery: np.ndarray, exclude_self: bool = False) -> Hubness:
  """How uneven a gallery answers: skewness of N_k, the count of queries an item is nearest to.

  Args:
    queries: [Q, F]; inner products with the gallery are the scores.
    gallery: [G, F].
    exclude_self: item i is no answer to query i.

  Source: Radovanovic et al. 2010.
  """
  size = len(gallery) - exclude_self
  k, counts = min(NEAREST, size), np.zeros(len(gallery))
  step = max(1, _CELLS // len(gallery))
  for start in range(0, len(queries), step):
    scores = queries[start:start + step] @ gallery.T
    if exclude_self:
      rows = np.arange(len(scores))
      scores[rows, start + rows] = -np.inf
    counts += np.bincount(np.argpartition(scores, -k, axis=1)[:, -k:].ravel(),
                          minlength=len(gallery))
  spread, p = counts.std(), k / size
  skewness = np.mean((counts - counts.mean()) ** 3) / spread ** 3 if spread else 0.0
  asked = len(queries) - exclude_self  # an item is no answer to itself
  deviation = np.sqrt(asked * p * (1 - p))
  return Hubness(float(skewness), float((1 - 2 * p) / deviation) if deviation else 0.0)
