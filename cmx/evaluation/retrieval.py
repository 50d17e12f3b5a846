"""Retrieval by class between modalities: read-outs, the table of mean AP, recognition."""

import itertools
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cmx.evaluation import ranking

Activations = Mapping[str, np.ndarray]  # {"pool5": [N, D], ..., "fc8": [N, C], "label": [N]}


class Table(NamedTuple):
  """Retrieval between every two modalities: rows query, columns are galleries; fractions.

  Attributes:
    layer: layer whose activations are compared ("fc8" for the posterior).
    readout: name of an entry of `READOUTS`.
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


def cosine(features: Mapping[str, Activations], query: str, gallery: str,
           layer: str) -> tuple[np.ndarray, np.ndarray]:
  """Cosine of two modalities' activations. Returns unit vectors ([Q, D], [G, D])."""
  return unit(features[query][layer]), unit(features[gallery][layer])


def centred(features: Mapping[str, Activations], query: str, gallery: str,
            layer: str) -> tuple[np.ndarray, np.ndarray]:
  """Cosine after each modality's own mean is subtracted. Returns unit vectors ([Q, D], [G, D]).

  It sees the whole split's mean (no label): what is common to a modality no longer counts.
  """
  pair = [np.asarray(features[name][layer], np.float32) for name in (query, gallery)]
  first, second = (unit(x - x.mean(axis=0, dtype=np.float64).astype(np.float32)) for x in pair)
  return first, second


def posterior(features: Mapping[str, Activations], query: str, gallery: str,
              layer: str) -> tuple[np.ndarray, np.ndarray]:
  """Cosine of class probabilities, softmax of fc8. Returns unit vectors ([Q, C], [G, C]).

  Bounded by the classifier: it cannot rank classes that training never showed.
  """
  del layer  # the answer of the classifier is read, wherever the table's layer is
  first, second = (unit(_softmax(features[name]["fc8"])) for name in (query, gallery))
  return first, second


def unit(x: np.ndarray) -> np.ndarray:
  """Rows of x [N, D] at length 1, float32; a row of zeros stays zero, similar to nothing."""
  x = np.asarray(x, np.float32)
  scale = np.abs(x).max(axis=1, keepdims=True)  # first, so that no square over- or underflows
  x = x / np.where(scale > 0, scale, 1)
  length = np.sqrt(np.einsum("nd,nd->n", x, x))[:, None]
  return x / np.where(length > 0, length, 1)


def _softmax(logits: np.ndarray) -> np.ndarray:
  logits = np.asarray(logits, np.float32)
  powers = np.exp(logits - logits.max(axis=1, keepdims=True))
  return powers / powers.sum(axis=1, keepdims=True)


# A read-out maps (features of all modalities, query, gallery, layer) to two arrays whose inner
# product ranks the gallery. What depends on the gallery item alone (CSLS, query banks) is one more
# column.
_Readout = Callable[[Mapping[str, Activations], str, str, str], tuple[np.ndarray, np.ndarray]]
READOUTS: dict[str, _Readout] = {"cosine": cosine, "centred": centred, "posterior": posterior}
OF_CLASSIFIER = frozenset(("posterior",))  # read-outs that cannot rank classes never trained on


def retrieval_table(features: Mapping[str, Activations], layer: str, readout: str = "cosine", *,
                    block: int = ranking.BLOCK) -> Table:
  """Mean AP and chance from every modality to every modality, the diagonal with self left out.

  Args:
    features: {modality: {layer: [N, D], "fc8": [N, C], "label": [N]}}, in table order. Examples in
      an order that ignores their class: dead features tie, and ties rank in that order.
    layer: layer to compare; the posterior reads "fc8" whatever is said.
    readout: name of an entry of `READOUTS`.
    block: queries ranked at once.

  Returns:
    A `Table` over the M modalities of `features`.

  Raises:
    ValueError: if the read-out, the layer or the widths do not fit, or a feature is not finite.
  """
  if readout not in READOUTS:
    raise ValueError(f"read-out {readout!r}; expected one of {', '.join(READOUTS)}")
  layer = "fc8" if readout == "posterior" else layer
  _check_features(features, layer)
  precision, cells = {}, []
  for pair in itertools.product(features, features):
    precision[pair] = _precision(features, *pair, layer, readout, block)
    cells.append(_cell(features, *pair, precision[pair]))
  columns = {name: np.array([cell[name] for cell in cells]) for name in cells[0]}
  shape = (len(features), len(features))
  return Table(layer, readout, tuple(features), precision=precision, **{
    name: values.reshape(shape + values.shape[1:]) for name, values in columns.items()})


def _check_features(features: Mapping[str, Activations], layer: str) -> None:
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
    if width != widths[first]:
      raise ValueError(f"{layer} of {name} has width {width}, of {first} {widths[first]}; "
                       "expected one width: compare a layer that all modalities share in size")


def _precision(features, query: str, gallery: str, layer: str, readout: str,
               block: int) -> np.ndarray:
  """AP of each query of a cell [Q]; NaN where it has no relevant item."""
  ours, theirs = READOUTS[readout](features, query, gallery, layer)
  labels, targets = (np.asarray(features[name]["label"]) for name in (query, gallery))
  return ranking.retrieval(ours, labels, theirs, targets, exclude_self=query == gallery,
                           block=block)


def _cell(features, query: str, gallery: str, precision: np.ndarray) -> dict[str, Any]:
  """The numbers of one cell by `Table`'s fields, from the AP of its queries [Q]."""
  same = query == gallery
  labels, targets = (np.asarray(features[name]["label"]) for name in (query, gallery))
  members = ranking.members(targets)
  count = np.array([members[label].size - same if label in members else 0
                    for label in labels.tolist()])
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
