"""Measures of a ranking as data: each from the ranks of the relevant items, with its chance.

R is the number of relevant items of a query, N the number of items ranked. Every chance is the
measure's expectation over all N! rankings, in closed form.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from cmx.evaluation import ranking

CUTS = (1, 5, 10)


class Measure(NamedTuple):
  """One measure of a query's ranking.

  Attributes:
    of: (ranks of the relevant items, ascending from 1 [R], R >= 1; N) -> fraction.
    chance: (R [...], N [...]) -> its expectation [...].
    definition: in a sentence.
  """

  of: Callable[[np.ndarray, int], float]
  chance: Callable[[np.ndarray, np.ndarray], np.ndarray]
  definition: str


def _found(ranks: np.ndarray, k: int) -> int:
  """Relevant items among the first k."""
  return int(np.searchsorted(ranks, k, side="right"))


def _at_r(ranks, gallery):
  first = ranks[:_found(ranks, ranks.size)]
  return float(np.sum(np.arange(1, first.size + 1) / first) / ranks.size)


def _at_r_chance(relevant, gallery):
  """1/R sum_{k<=R} R/N (1 + (k-1)(R-1)/(N-1)) / k = (H_R + (R-1)/(N-1) (R - H_R)) / N."""
  harmonic = np.cumsum(1 / np.arange(1, np.max(relevant) + 1))[relevant - 1]
  share = (relevant - 1) / np.maximum(gallery - 1, 1)  # N = 1 has R = 1: nothing is added
  return (harmonic + share * (relevant - harmonic)) / gallery


def _precision(k: int) -> Measure:
  return Measure(lambda ranks, gallery: _found(ranks, k) / k,
                 lambda relevant, gallery: np.minimum(k, gallery) / k * relevant / gallery,
                 f"P@{k}: share of relevant items among the first {k}")


def _recall(k: int) -> Measure:
  return Measure(lambda ranks, gallery: _found(ranks, k) / ranks.size,
                 lambda relevant, gallery: np.minimum(k, gallery) / gallery + 0.0 * relevant,
                 f"R@{k}: share of the R relevant items that are among the first {k}")


def _hit(k: int) -> Measure:
  return Measure(lambda ranks, gallery: float(ranks[0] <= k), lambda relevant, gallery: _hit_chance(
    relevant, gallery, k), f"hit@{k}: whether any relevant item is among the first {k} (what "
    "papers on image and text call R@k)")


def _hit_chance(relevant, gallery, k):
  """1 - C(N-R, k) / C(N, k) = 1 - prod_{i<k} (N-R-i) / (N-i)."""
  missed = np.ones(np.broadcast(relevant, gallery).shape)
  for i in range(k):
    left = gallery - i
    missed = missed * np.where(left > 0, np.maximum(left - relevant, 0) / np.maximum(left, 1), 1.0)
  return 1 - missed


def _gain(k: int) -> np.ndarray:
  """Discounts of the first k ranks, summed up [k + 1]."""
  return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])


def _ndcg(k: int) -> Measure:
  gains = _gain(k)

  def of(ranks, gallery):
    first = ranks[:_found(ranks, k)]
    return float(np.sum(1 / np.log2(first + 1.0)) / gains[min(ranks.size, k)])

  def chance(relevant, gallery):
    return relevant / gallery * gains[np.minimum(k, gallery)] / gains[np.minimum(k, relevant)]

  return Measure(of, chance, f"nDCG@{k}: sum of 1/log2(rank + 1) over relevant items among the "
                 f"first {k}, over that of the best ranking, min(R, {k}) relevant ones first")


MEASURES: dict[str, Measure] = {
  "mAP": Measure(lambda ranks, gallery: ranking.average_precision(ranks), ranking.chance,
                 "mAP: 1/R sum of i / rank of the i-th relevant item, over the full ranking"),
  "mAP@R": Measure(_at_r, _at_r_chance, "mAP@R: the same sum over relevant items among the first "
                   "R, over R"),
  **{f"P@{k}": _precision(k) for k in CUTS}, **{f"R@{k}": _recall(k) for k in CUTS},
  **{f"hit@{k}": _hit(k) for k in CUTS}, **{f"nDCG@{k}": _ndcg(k) for k in CUTS}}


class Cell(NamedTuple):
  """One set of queries over one gallery.

  Attributes:
    values: {measure: of each query [Q]}; NaN where nothing is relevant.
    chance: {measure: expected of each query by a random ranking [Q]}; NaN there, too.
    relevant: R of each query, int [Q].
    gallery: N.
  """

  values: Mapping[str, np.ndarray]
  chance: Mapping[str, np.ndarray]
  relevant: np.ndarray
  gallery: int


def cell(similarity: ranking.Similarity, labels: np.ndarray, targets: np.ndarray, *,
         own: np.ndarray | None = None,
         look: Callable[[np.ndarray], None] = lambda block: None) -> Cell:
  """Every measure of every query.

  Args:
    similarity, own, look: as of `ranking.ranks`.
    labels: of the queries, int [Q].
    targets: labels of the gallery, int [G].
  """
  size = len(targets) - (own is not None)
  values = {name: np.full(len(labels), np.nan) for name in MEASURES}
  relevant = np.zeros(len(labels), np.int64)
  found = ranking.ranks(similarity, labels, targets, own=own, look=look)
  for i, ranks in enumerate(found):
    relevant[i] = ranks.size
    for name, measure in MEASURES.items() if ranks.size else ():
      values[name][i] = measure.of(ranks, size)
  there, chance = relevant > 0, {}
  for name, measure in MEASURES.items():
    chance[name] = np.full(len(labels), np.nan)
    if there.any():
      chance[name][there] = measure.chance(relevant[there], np.full(there.sum(), size))
  return Cell(values, chance, relevant, size)
