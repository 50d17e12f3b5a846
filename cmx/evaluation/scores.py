"""Scores of one run, query by query: what tests between rows need beside a table's means.

Arrays of a run, as they are stored: {"label/NAT": int [N], "recognised/NAT": bool [N],
"fc7 cosine/NAT>CLP": AP of each query, float32 [N], NaN where it has no relevant item, ...,
"classes": names [C], "unseen": labels of those that no training example shows [k],
"unseen fc7 cosine/NAT>CLP": AP of queries of these among items of these, NaN for all others}.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx import modalities as modalities_lib
from cmx.evaluation import ranking
from cmx.evaluation import readouts
from cmx.evaluation import results
from cmx.evaluation import retrieval

MEAN = "mean"  # measure: over all pairs of different modalities
UNSEEN = ("unseen alone", "unseen in all")  # measures of classes that no training example shows

Arrays = Mapping[str, np.ndarray]


class Score(NamedTuple):
  """One measure of one run, over P parts (pairs, or modalities), Q queries and C classes.

  Attributes:
    value: mean over parts of the mean over a part's queries; the number of the table.
    chance: the same expected of a random ranking, or of a random answer.
    by_class: the value by class [C], mean over classes = value: each class in the place of as many
      queries as classes have on average; NaN where a class has no query.
    shares: what each class adds to the value, times their number [C], mean over classes = value.
    queries: mean over the parts that ask a query [Q], all modalities in turn; NaN where none does.
    labels: of the queries, int [Q].
  """

  value: float
  chance: float
  by_class: np.ndarray
  shares: np.ndarray
  queries: np.ndarray
  labels: np.ndarray


class _Part(NamedTuple):
  """Queries of one modality: which, their values [N] and what chance would give [N]."""

  code: str
  values: np.ndarray
  chance: np.ndarray


def arrays(tables: Sequence[retrieval.Table], found: Mapping[str, retrieval.Activations],
           codes: Mapping[str, str], classes: Sequence[str],
           unseen: np.ndarray,
           alone: retrieval.Table | None = None) -> dict[str, np.ndarray]:
  """The arrays of a run, by the names that stand above.

  Args:
    tables: of all classes.
    found: {modality: {"fc8": [N, C], "label": [N]}}, which the tables are of.
    codes: {modality: code of it in the results}.
    classes: their names in label order.
    unseen: labels of the classes that no training example shows [k].
    alone: the table of their examples alone; None where there is none.
  """
  kept = {"classes": np.array(list(classes))}
  for name, part in found.items():
    labels = np.asarray(part["label"], np.int32)
    kept[f"label/{codes[name]}"] = labels
    kept[f"recognised/{codes[name]}"] = np.argmax(part["fc8"], axis=1) == labels
  for table in tables:
    for pair, values in table.precision.items():
      kept[_key(table.layer, table.readout, *(codes[name] for name in pair))] = (
        values.astype(np.float32))
  kept["unseen"] = np.asarray(unseen, np.int32)
  for (query, gallery), values in alone.precision.items() if alone else ():
    every = np.full(len(kept[f"label/{codes[query]}"]), np.nan, np.float32)
    every[np.isin(kept[f"label/{codes[query]}"], unseen)] = values
    kept["unseen " + _key(alone.layer, alone.readout, codes[query], codes[gallery])] = every
  return kept


def _key(layer: str, readout: str, query: str, gallery: str) -> str:
  return f"{layer} {readout}/{query}>{gallery}"


def names(modalities: Sequence[modalities_lib.Modality], unseen: bool) -> list[str]:
  """The measures of runs on these modalities, with or without unseen classes."""
  codes = results.codes(modalities)
  groups = results.pair_groups(list(codes.values()), [
    codes[row.name] for row in modalities if row.kind == "text"])
  return [*groups, "posterior", "recognition", *(UNSEEN if unseen else ())]


def scores(result: Mapping[str, Any], kept: Arrays) -> dict[str, Score]:
  """The measures of a run by name: means of the main table, posterior, recognition, unseen classes.

  The means are those of `results.pair_groups`. Where classes were kept from training, posterior and
  recognition are of queries of the other classes: a classifier has no answer for these.

  Args:
    result: of `results.run_result`; its first table is the main one.
    kept: arrays of the run.

  Returns:
    {measure: Score}; a measure that no query has is not there.
  """
  main = tuple(result["tables"][0][key] for key in ("layer", "readout"))
  groups = results.pair_groups(result["modalities"], result["text"])
  classes = len(kept["classes"])
  unseen = kept["unseen"]
  seen = np.setdiff1d(np.arange(classes), unseen)
  everything = np.arange(classes)
  parts = {name: list(_pairs(kept, main, pairs, everything)) for name, pairs in groups.items()}
  every = groups.get(MEAN, groups["same"])
  parts["posterior"] = list(_pairs(kept, ("fc8", "posterior"), every, seen))
  parts["recognition"] = list(_recognised(kept, result["modalities"], seen))
  if unseen.size and not readouts.named(main[1]).of_classifier:
    parts[UNSEEN[0]] = list(_pairs(kept, main, every, unseen, alone=True))
    parts[UNSEEN[1]] = list(_pairs(kept, main, every, unseen))
  return {name: _score(members, kept, result["modalities"], classes)
          for name, members in parts.items() if members}


def _pairs(kept: Arrays, kind: tuple[str, str], pairs: Sequence[str], asked: np.ndarray,
           alone: bool = False) -> Iterator[_Part]:
  """Pairs with queries of the classes `asked`, among all items or among those classes' alone."""
  for pair in pairs:
    query, gallery = pair.split(">")
    labels, items = kept[f"label/{query}"], kept[f"label/{gallery}"]
    values = kept.get("unseen " * alone + _key(*kind, query, gallery))
    if values is None:
      continue
    items = items[np.isin(items, asked)] if alone else items
    same = int(query == gallery)
    count = np.bincount(items, minlength=int(labels.max(initial=0)) + 1)[labels] - same
    there = np.isin(labels, asked) & (count > 0) & ~np.isnan(values)
    chance = np.full(len(labels), np.nan)
    chance[there] = ranking.chance(count[there], len(items) - same)
    if there.any():
      yield _Part(query, np.where(there, values, np.nan), chance)


def _recognised(kept: Arrays, codes: Sequence[str], asked: np.ndarray) -> Iterator[_Part]:
  for code in codes:
    there = np.isin(kept[f"label/{code}"], asked)
    if there.any():
      yield _Part(code, np.where(there, kept[f"recognised/{code}"], np.nan),
                  np.where(there, 1 / len(asked), np.nan))


def _score(parts: Sequence[_Part], kept: Arrays, codes: Sequence[str], classes: int) -> Score:
  means, shares, centred = [], np.zeros(classes), np.zeros(classes)
  there = np.zeros(classes, bool)
  asked = {code: [] for code in codes}
  for part in parts:
    labels, values = kept[f"label/{part.code}"], np.asarray(part.values, np.float64)
    asked[part.code].append(values)
    valid = ~np.isnan(values)
    labels, values = labels[valid], values[valid]
    means.append(values.mean())
    there[labels] = True
    shares += np.bincount(labels, values / values.size, classes)
    # Less its part's mean: a class with more queries than others is no better for that.
    centred += np.bincount(labels, (values - means[-1]) / values.size, classes)
  value, scale = float(np.mean(means)), there.sum() / len(parts)
  return Score(
    value, float(np.mean([np.nanmean(part.chance) for part in parts])),
    np.where(there, value + scale * centred, np.nan), np.where(there, scale * shares, np.nan),
    np.concatenate([_mean(asked[code], len(kept[f"label/{code}"])) for code in codes]),
    np.concatenate([kept[f"label/{code}"] for code in codes]))


def _mean(values: Sequence[np.ndarray], size: int) -> np.ndarray:
  """Mean over lists of values [N] of those that are not NaN [N]; NaN where all are."""
  stacked = np.stack(values) if len(values) else np.full((1, size), np.nan)
  valid = ~np.isnan(stacked)
  count = valid.sum(axis=0)
  total = np.where(valid, stacked, 0).sum(axis=0)
  return np.where(count > 0, total / np.maximum(count, 1), np.nan)
