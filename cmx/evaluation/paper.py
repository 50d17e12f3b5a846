"""The paper's retrieval table, as numbers to stand beside ours.

mAP in percent of the full ranking on CMPlaces' validation set, 20 ordered pairs query>target and
their plain mean. Source: the authors' slides for Castrejon et al. 2016, "Learning Aligned
Cross-Modal Representations from Weakly Aligned Data".
"""

from collections.abc import Sequence

import numpy as np

from cmx.data.sets.cmplaces import categories
from cmx.evaluation import ranking

_CODES = ("NAT", "CLP", "SPT", "LDR", "DSC")
PAIRS = tuple(f"{query}>{target}" for query in _CODES for target in _CODES if query != target)

# Rows in the paper's order; the columns are PAIRS, then the mean as printed.
TABLE = {
  "BL-Ind": (
    17.8, 15.5, 10.1, 0.8, 11.4, 13.1, 9.0, 0.8, 9.0, 10.1, 5.6, 0.8,
    4.9, 7.6, 6.8, 0.8, 0.6, 0.9, 0.9, 0.9, 6.4),
  "BL-ShFinal": (
    10.3, 13.5, 4.0, 12.7, 7.2, 8.7, 2.8, 8.2, 8.1, 5.7, 2.2, 9.3,
    2.4, 2.5, 3.1, 3.2, 3.3, 3.4, 8.5, 2.4, 6.1),
  "BL-ShAll": (
    15.9, 14.2, 9.1, 0.8, 8.9, 10.9, 7.0, 0.8, 8.4, 7.4, 4.2, 0.8,
    4.3, 5.6, 5.7, 0.8, 0.6, 0.9, 0.9, 0.9, 5.4),
  "A: Tune": (
    12.9, 23.5, 5.8, 19.6, 9.7, 15.5, 4.0, 13.7, 19.0, 13.5, 5.6, 24.0,
    4.1, 3.8, 5.8, 5.9, 6.4, 4.5, 9.5, 2.5, 10.5),
  "A: Tune (Free)": (
    14.0, 29.8, 6.2, 18.4, 9.2, 17.6, 3.7, 12.9, 21.8, 15.9, 6.2, 27.7,
    3.7, 3.1, 6.6, 5.4, 5.2, 3.5, 10.5, 2.1, 11.2),
  "B: StatReg (Gaussian)": (
    18.6, 20.2, 10.2, 0.8, 11.1, 15.4, 8.5, 0.8, 13.3, 15.1, 7.7, 0.8,
    4.7, 6.6, 6.9, 0.9, 0.6, 0.9, 0.8, 0.9, 7.2),
  "B: StatReg (GMM)": (
    17.8, 23.7, 9.5, 5.6, 13.4, 18.1, 8.9, 4.6, 16.7, 16.2, 8.8, 5.3,
    6.2, 8.1, 9.4, 3.3, 3.0, 4.1, 4.6, 2.8, 9.5),
  "C: Tune + StatReg (GMM)": (
    14.3, 32.1, 5.4, 22.1, 10.0, 19.1, 3.8, 14.4, 24.4, 17.5, 5.8, 32.7,
    3.3, 3.4, 6.0, 4.9, 15.1, 12.5, 32.6, 4.6, 14.2),
}


_VALIDATION = {"NAT": 20_500, "CLP": 1_954, "SPT": 2_050, "LDR": 2_050, "DSC": 2_050}  # examples
_CLASSES = 205


def of_its_categories(classes: Sequence[str]) -> bool:
  """Whether classes are the paper's: elsewhere its numbers say nothing of ours."""
  return set(classes) == set(categories.NAMES)


def chance(pairs: Sequence[str]) -> float:
  """Mean AP of a random ranking over some pairs of the paper, fraction.

  Every category is taken to have its equal part of a target's validation set.
  """
  sizes = np.array([_VALIDATION[pair.split(">")[1]] for pair in pairs])
  return float(np.mean(ranking.chance(sizes / _CLASSES, sizes)))


def mean(method: str, pairs: Sequence[str]) -> float | None:
  """The paper's mean over some pairs of a row.

  Args:
    method: name of the row as printed, e.g. "A: Tune (Free)".
    pairs: names like "NAT>CLP".

  Returns:
    Fraction; None where the paper lacks the row or one of the pairs, or no pair is asked for.
  """
  if method not in TABLE or not pairs or not set(pairs) <= set(PAIRS):
    return None
  row = dict(zip(PAIRS, TABLE[method]))  # the printed mean is left over
  return sum(row[pair] for pair in pairs) / len(pairs) / 100
