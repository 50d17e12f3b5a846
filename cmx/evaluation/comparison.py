"""Rows beside each other over seeds: spread, intervals, tests, and what could have been seen.

All numbers are fractions; None stands where there is nothing to say: no spread of one seed, no test
of fewer queries or classes than it needs.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cmx.evaluation import scores as scores_lib
from cmx.evaluation import significance

ALPHA, POWER = 0.05, 0.8
TESTS = {"wilcoxon": significance.benjamini_hochberg, "fisher": significance.holm}

Scores = Sequence[scores_lib.Score]  # of one measure and row, a seed each
Cells = Mapping[tuple[str, str], Mapping[int, Mapping[str, scores_lib.Score]]]


def compare(cells: Cells, against: str) -> dict[str, Any]:
  """Every row at every value beside the row `against` at the same value, measure by measure.

  Args:
    cells: {(value, row): {seed: {measure: Score}}}; the value is "" where nothing is swept. All
      with the same seeds.
    against: row that the others are compared with.

  Returns:
    {"against", "seeds": [seed], "alpha", "power", "measures": {measure: {"comparisons": number that
     p-values are corrected for, "classes": number, "queries": number, "chance": {value: fraction},
     "rows": [{"value", "row", "mean", "std", "interval": [low, high] or None, "by_seed": [...],
     "against": None for the row itself, else `difference`'s dict with, for each test, p-values
     "wilcoxon", "wilcoxon corrected", ... and "verdict": "better", "worse" or "unclear"}]}}}; rows
    by value, and by falling mean within it.

  Raises:
    ValueError: if there are no cells, `against` is no row, seeds differ, or two rows were asked
      other queries.
  """
  _check(cells, against)
  seeds = list(next(iter(cells.values())))
  names = dict.fromkeys(name for cell in cells.values() for found in cell.values()
                        for name in found)
  return {"against": against, "seeds": seeds, "alpha": ALPHA, "power": POWER,
          "measures": {name: _measure(cells, against, seeds, name) for name in names}}


def _check(cells: Cells, against: str) -> None:
  rows = list(dict.fromkeys(row for _, row in cells))
  if against not in rows:
    raise ValueError(f"rows are compared with {against!r}; expected a row of the study: "
                     f"{', '.join(rows) or 'it has none'}")
  (first, _), expected = next(iter(cells)), list(next(iter(cells.values())))
  for (value, row), found in cells.items():
    if list(found) != expected or not expected:
      raise ValueError(f"row {row} {value} has seeds {list(found)}; expected {expected or 'some'}, "
                       f"as {first or 'the first row'}")


def _measure(cells: Cells, against: str, seeds: Sequence[int], name: str) -> dict[str, Any]:
  rows, chance, queries, classes = [], {}, 0, 0
  for value in dict.fromkeys(value for value, _ in cells):
    here = {row: [found[seed][name] for seed in seeds] for (at, row), found in cells.items()
            if at == value and all(name in found[seed] for seed in seeds)}
    for row, mine in here.items():
      compared = row != against and against in here
      rows.append({"value": value, "row": row, **summary(mine), "against": (
        difference(mine, here[against]) if compared else None)})
      chance.setdefault(value, statistics.fmean(score.chance for score in mine))
      queries = max(queries, int(_asked(mine).any(axis=0).sum()))
      classes = max(classes, int(_present(mine).any(axis=1).sum()))
  values = list(dict.fromkeys(value for value, _ in cells))
  rows.sort(key=lambda row: (values.index(row["value"]), -row["mean"]))
  compared = [row["against"] for row in rows if row["against"] is not None]
  _correct(compared)
  return {"comparisons": len(compared), "queries": queries, "classes": classes, "chance": chance,
          "rows": rows}


def _correct(found: Sequence[dict[str, Any]]) -> None:
  """Adds what the p-values are once they are corrected for their number, and a verdict."""
  for test, corrected in TESTS.items():
    known = [one for one in found if one[test] is not None]
    for one, p in zip(known, corrected(np.array([one[test] for one in known])), strict=True):
      one[f"{test} corrected"] = float(p)
  for one in found:
    p = [one.setdefault(f"{test} corrected", None) for test in TESTS]
    clear = (one["smallest"] is not None and abs(one["difference"]) >= one["smallest"]
             and all(value is not None and value <= ALPHA for value in p))
    one["verdict"] = "unclear" if not clear else "better" if one["difference"] > 0 else "worse"


def summary(row: Scores) -> dict[str, Any]:
  """{"mean", "std", "interval" within 0 and 1, "by_seed"} of a row over its seeds."""
  values, ends = [score.value for score in row], _interval(_by_class(row), _present(row))
  return {"mean": statistics.fmean(values),
          "std": statistics.stdev(values) if len(values) > 1 else None,
          "interval": None if ends is None else [max(ends[0], 0.0), min(ends[1], 1.0)],
          "by_seed": values}


def difference(ours: Scores, theirs: Scores) -> dict[str, Any]:
  """One row less another, seeds paired.

  Returns:
    {"difference", "by_seed": [...], "interval", "smallest": the smallest difference that could have
     been seen, "wilcoxon" | "fisher": p-values}.

  Raises:
    ValueError: if the rows were asked other queries.
  """
  for mine, other in zip(ours, theirs, strict=True):
    if not (np.array_equal(mine.labels, other.labels)
            and np.array_equal(np.isnan(mine.queries), np.isnan(other.queries))):
      raise ValueError(f"rows have {_count(mine)} and {_count(other)} queries, or other ones; "
                       "expected the same queries of both: evaluate both on the same data")
  by_seed = [mine.value - other.value for mine, other in zip(ours, theirs)]
  cells, present = _by_class(ours) - _by_class(theirs), _present(ours)
  queries = significance.paired(*(np.stack([score.queries for score in row])
                                  for row in (ours, theirs)), _asked(ours))
  of_class = np.sum([np.nan_to_num(mine.shares - other.shares) / column.sum()
                     for mine, other, column in zip(ours, theirs, present.T)], axis=0)
  of_class = of_class[present.any(axis=1)]
  return {"difference": statistics.fmean(by_seed), "by_seed": by_seed,
          "interval": _interval(cells, present),
          "smallest": (significance.smallest_difference(cells, present, alpha=ALPHA, power=POWER)
                       if _spreads(present) else None),
          "wilcoxon": significance.signed_rank(queries) if _enough(queries) else None,
          "fisher": significance.randomisation(of_class) if _enough(of_class) else None}


def _interval(cells: np.ndarray, present: np.ndarray) -> list[float] | None:
  return list(significance.interval(cells, present)) if _spreads(present) else None


def _spreads(present: np.ndarray) -> bool:
  """Whether there are seeds and classes enough for a spread: 2 or more, in every seed."""
  return present.shape[1] > 1 and bool(present.sum(axis=0).min() > 1)


def _enough(units: np.ndarray) -> bool:
  return units.size >= significance.FEWEST


def _by_class(row: Scores) -> np.ndarray:
  return np.stack([score.by_class for score in row], axis=1)


def _present(row: Scores) -> np.ndarray:
  return ~np.isnan(_by_class(row))


def _asked(row: Scores) -> np.ndarray:
  return np.stack([~np.isnan(score.queries) for score in row])


def _count(score: scores_lib.Score) -> int:
  return int(np.sum(~np.isnan(score.queries)))
