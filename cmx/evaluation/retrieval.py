"""Retrieval by class between modalities: the table of mean AP by a read-out, recognition."""

import itertools
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cmx.evaluation import ranking
from cmx.evaluation import readouts

Activations = Mapping[str, np.ndarray]  # {"pool5": [N, D], ..., "fc8": [N, C], "label": [N]}


class Table(NamedTuple):
  """Retrieval between every two modalities: rows query, columns are galleries; fractions.

  Attributes:
    layer: layer whose activations are compared ("fc8" for the posterior).
    readout: name of an entry of `readouts.READOUTS`.
    modalities: M names.
    mean: mean AP over queries [M, M]; NaN where no query has a relevant item.
    chance: expected `mean` of a random ranking [M, M].
    balanced: mean over the queries' classes of their mean AP [M, M].
    balanced_chance: expected `balanced` of a random ranking [M, M].
    queries: queries that have a relevant item [M, M].
    gallery: items ranked for a query [M, M], one less on the diagonal.
    relevant: fewest and most relevant items of those queries [M, M, 2].
    precision: AP of every query, {(query modality, gallery modality): [Q]}; NaN where it has no
      relevant item.
  """

  layer: str
  readout: str
  modalities: tuple[str, ...]
  mean: np.ndarray
  chance: np.ndarray
  balanced: np.ndarray
  balanced_chance: np.ndarray
  queries: np.ndarray
  gallery: np.ndarray
  relevant: np.ndarray
  precision: Mapping[tuple[str, str], np.ndarray] = types.MappingProxyType({})


class Recognition(NamedTuple):
  """Top-1 accuracy, fractions: over examples, and the mean over classes of each class's own."""

  accuracy: float
  balanced: float
  examples: int


class Vectors(NamedTuple):
  """Features as a read-out sees them.

  Attributes:
    layer: that is read.
    readout: name of an entry of `readouts.READOUTS`.
    statistics: of the layer.
    x: {modality: [N, E]}.
    labels: {modality: int [N]}.
  """

  layer: str
  readout: str
  statistics: readouts.Statistics
  x: Mapping[str, np.ndarray]
  labels: Mapping[str, np.ndarray]

  def pair(self, query: str, gallery: str) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays ([Q, F], [G, F]) of those modalities whose inner products rank the gallery."""
    score = readouts.named(self.readout).score
    return score(self.statistics, query, self.x[query], gallery, self.x[gallery])


def vectors(features: Mapping[str, Activations], layer: str, readout: str = "cosine",
            statistics: readouts.Statistics = types.MappingProxyType({})) -> Vectors:
  """The vectors of all features by a read-out.

  Args:
    features: {modality: {layer: [N, D], "label": [N]}}.
    layer: layer to compare; the posterior reads "fc8" whatever is said.
    readout: name of an entry of `readouts.READOUTS`.
    statistics: of `readouts.fit` for the layer; {} for read-outs that need none.

  Returns:
    `Vectors`, in the order of `features`.

  Raises:
    ValueError: if the read-out, the layer, the statistics or the widths do not fit, or a feature is
      not finite.
  """
  row = readouts.named(readout)
  layer = row.layer or layer
  _check_features(features, layer, row.widths)
  return Vectors(
    layer, readout, statistics,
    {name: readouts.apply(readout, statistics, name, part[layer])
     for name, part in features.items()},
    {name: np.asarray(part["label"]) for name, part in features.items()})


def retrieval_table(features: Mapping[str, Activations], layer: str, readout: str = "cosine",
                    statistics: readouts.Statistics = types.MappingProxyType({})) -> Table:
  """Mean AP and chance from every modality to every modality, the diagonal with self left out.

  Args:
    features: {modality: {layer: [N, D], "label": [N]}}, in table order. Examples in an order that
      ignores their class: dead features tie, and ties rank in that order.
    layer, readout, statistics: as of `vectors`.

  Returns:
    A `Table` over the M modalities of `features`.

  Raises:
    ValueError: as `vectors`.
  """
  found = vectors(features, layer, readout, statistics)
  precision, cells = {}, []
  for query, gallery in itertools.product(found.x, found.x):
    ours, theirs = found.pair(query, gallery)
    labels, targets = found.labels[query], found.labels[gallery]
    precision[query, gallery] = ranking.retrieval(
      ours, labels, theirs, targets, exclude_self=query == gallery)
    cells.append(_cell(labels, targets, query == gallery, precision[query, gallery]))
  columns = {name: np.array([cell[name] for cell in cells]) for name in cells[0]}
  shape = (len(found.x), len(found.x))
  return Table(found.layer, found.readout, tuple(found.x), precision=precision, **{
    name: values.reshape(shape + values.shape[1:]) for name, values in columns.items()})


def _check_features(features: Mapping[str, Activations], layer: str, any_width: bool) -> None:
  if not features:
    raise ValueError("no features; expected at least one modality")
  widths = {}
  for name, activations in features.items():
    if layer not in activations:
      raise ValueError(f"{name} has no layer {layer!r}; expected one of "
                       f"{', '.join(key for key in activations if key != 'label')}")
    x, _ = ranking.checked(activations[layer], activations["label"], f"{name} {layer}")
    widths[name] = x.shape[1]
  first = next(iter(widths))
  for name, width in widths.items():
    if width != widths[first] and not any_width:
      bears = ", ".join(key for key, row in readouts.READOUTS.items() if row.widths)
      raise ValueError(f"{layer} of {name} has width {width}, of {first} {widths[first]}; "
                       "expected one width: compare a layer that all modalities share in size, or "
                       f"by a read-out that bears others: {bears}")


def relevant(labels: np.ndarray, targets: np.ndarray, same: bool) -> np.ndarray:
  """Number of items [Q] of each query's label [Q] among targets [G]; self left out where `same`."""
  members = ranking.members(targets)
  return np.array([members[label].size - same if label in members else 0
                   for label in labels.tolist()])


def _cell(labels: np.ndarray, targets: np.ndarray, same: bool,
          precision: np.ndarray) -> dict[str, Any]:
  """The numbers of one cell by `Table`'s fields, from the AP of its queries [Q]."""
  count = relevant(labels, targets, same)
  size = len(targets) - same
  valid = count > 0
  if not valid.any():
    undefined = dict.fromkeys(("mean", "chance", "balanced", "balanced_chance"), np.nan)
    return {**undefined, "queries": 0, "gallery": size, "relevant": (0, 0)}
  labels, precision, count = labels[valid], precision[valid], count[valid]
  by_chance = ranking.chance(count, size)
  return {"mean": precision.mean(), "chance": by_chance.mean(),
          "balanced": _class_mean(precision, labels),
          "balanced_chance": _class_mean(by_chance, labels), "queries": valid.sum(),
          "gallery": size, "relevant": (count.min(), count.max())}


def _class_mean(values: np.ndarray, labels: np.ndarray) -> float:
  """Mean over classes of the mean value [N] of a class."""
  _, index = np.unique(labels, return_inverse=True)
  return float(np.mean(np.bincount(index, values) / np.bincount(index)))


def recognition(logits: np.ndarray, labels: np.ndarray) -> Recognition:
  """Top-1 accuracy of one modality; the first class wins a tie.

  Args:
    logits: [N, C], finite.
    labels: int [N], in [0, C).

  Raises:
    ValueError: if the shapes do not fit, a logit is not finite or a label is out of range.
  """
  logits, labels = ranking.checked(logits, labels, "logits")
  if labels.min() < 0 or labels.max() >= logits.shape[1]:
    raise ValueError(f"labels from {labels.min()} to {labels.max()}; "
                     f"expected 0 to {logits.shape[1] - 1}, the classes of the logits")
  right = (logits.argmax(axis=1) == labels).astype(np.float64)
  return Recognition(float(right.mean()), _class_mean(right, labels), len(labels))
