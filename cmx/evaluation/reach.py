"""Reach: how far pairs of modalities have come from chance to what is told apart within them.

Of a group of pairs, in one row of a table of `results.aggregate`:

  lift(m, c) = (m - c) / (1 - c)
  reach = lift(mAP, chance) / lift(mAP within, chance within)

where "within" is retrieval among a modality's own examples, the mean of a pair's two modalities.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cmx.evaluation import results

Summary = Mapping[str, Any]  # {"cells": {pair: {"mean"}}}; of a row's mAP, or of a table's chance


def across(found: Summary, pairs: Iterable[str]) -> float | None:
  """Mean of the pairs' cells; None where none is defined."""
  return results.spread(found["cells"][pair]["mean"] for pair in pairs)["mean"]


def within(found: Summary, pairs: Iterable[str]) -> float | None:
  """Mean over pairs of what stands within their two modalities; None where none is defined."""
  return results.spread(found["cells"][f"{code}>{code}"]["mean"] for pair in pairs
                        for code in pair.split(">"))["mean"]


def of(row: Summary, chance: Summary, pairs: Sequence[str]) -> float | None:
  """The reach of a row's pairs; None where it is not defined, or nothing is told apart within."""
  high = results.lift(across(row, pairs), across(chance, pairs))
  low = lift_within(row, chance, pairs)
  return None if high is None or not low or low <= 0 else high / low


def lift_within(row: Summary, chance: Summary, pairs: Sequence[str]) -> float | None:
  """Lift of what stands within the pairs' modalities; None where it is not defined."""
  return results.lift(within(row, pairs), within(chance, pairs))
