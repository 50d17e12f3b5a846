"""Retrieval by class across modalities: exact average precision, its chance level, read-outs.

Pinned definition: AP over the full ranking of the gallery, relevant = same class, the query itself
left out where the gallery is the queries, ties broken by gallery order. A query without a relevant
item has no AP: it is NaN here and left out of every mean, never a zero.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

BLOCK = 256  # queries ranked at once: 256 x 20,500 similarities are 21 MB, held twice

Activations = Mapping[str, np.ndarray]  # {"pool5": [N, D], ..., "fc8": [N, C], "label": [N]}


class Table(NamedTuple):
  """Retrieval between every two modalities; rows are queries, columns galleries, fractions in [0, 1].

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


class Recognition(NamedTuple):
  """Top-1 accuracy, fractions: over examples, and the mean over classes of each class's own."""

  accuracy: float
  balanced: float
  examples: int


def average_precision(similarity: np.ndarray | Iterable[np.ndarray],
                      relevant: np.ndarray | Iterable[np.ndarray], *,
                      excluded: np.ndarray | None = None) -> np.ndarray:
  """Average precision of each query over its full ranking, exact.

  AP = 1/R sum_i i / rank_i, with rank_1 < ... < rank_R the ranks of the relevant items. Equal
  similarities rank in gallery order. Others differ there: scikit-learn's average_precision_score takes
  equal scores as one threshold, ranx.evaluate sorts them in no stated order. Without ties all agree.

  Args:
    similarity: [Q, G], or an iterable of its row blocks [b, G]; finite, larger is nearer.
    relevant: bool [Q, G], or an iterable of the same row blocks.
    excluded: gallery index left out of each query's ranking [Q], e.g. the query itself.

  Returns:
    AP [Q], float64 in (0, 1]; NaN for queries without a relevant item.

  Raises:
    ValueError: if shapes differ or a similarity is not finite.
  """
  values, start = [], 0
  for scores, truth in zip(_row_blocks(similarity), _row_blocks(relevant), strict=True):
    scores, truth = np.asarray(scores), np.asarray(truth, bool)
    if scores.ndim != 2 or scores.shape != truth.shape:
      raise ValueError(f"similarity {list(scores.shape)} and relevant {list(truth.shape)}; "
                       "expected two blocks of one shape [rows, G]")
    stop = start + len(scores)
    left_out = None if excluded is None else np.asarray(excluded)[start:stop]
    items = [np.flatnonzero(row) for row in truth]
    copy = scores.astype(np.result_type(scores.dtype, np.float32))
    values.append(_block_precision(copy, items, left_out, start))
    start = stop
  return np.concatenate(values) if values else np.zeros(0)


def _row_blocks(rows: np.ndarray | Iterable[np.ndarray]) -> Iterable[np.ndarray]:
  if not hasattr(rows, "shape"):
    return rows
  return (rows[start:start + BLOCK] for start in range(0, len(rows), BLOCK))


def _block_precision(similarity, relevant, excluded, first: int) -> np.ndarray:
  """AP of a block [b, G] (overwritten) with `relevant` gallery indices, `first` its first query."""
  finite = np.isfinite(similarity).all(axis=1)
  if not finite.all():
    raise ValueError(f"similarity of query {first + int(np.argmin(finite))} is not finite; "
                     "expected numbers without NaN and infinity")
  if excluded is not None:
    relevant = [items[items != own] for items, own in zip(relevant, excluded, strict=True)]
    similarity[np.arange(len(similarity)), excluded] = -np.inf  # last, behind everything finite
  ordered = np.sort(similarity, axis=1)  # values alone sort several times faster than indices
  values = np.full(len(similarity), np.nan)
  for i, items in enumerate(relevant):
    if items.size:
      values[i] = np.mean(np.arange(1, items.size + 1) / _ranks(similarity[i], ordered[i], items))
  return values


def _ranks(row: np.ndarray, ordered: np.ndarray, items: np.ndarray) -> np.ndarray:
  """Ranks from 1, ascending, of gallery `items` [R] in `row` [G], whose sorted values are `ordered`."""
  scores = row[items]
  after = np.searchsorted(ordered, scores, side="right")
  if np.all(after - np.searchsorted(ordered, scores, side="left") == 1):
    return np.sort(row.size + 1 - after)
  position = np.empty(row.size, np.int64)  # a relevant item ties: only now is the order needed
  position[np.argsort(-row, kind="stable")] = np.arange(1, row.size + 1)
  return np.sort(position[items])


def retrieval(queries: np.ndarray, query_labels: np.ndarray, gallery: np.ndarray,
              gallery_labels: np.ndarray, *, exclude_self: bool = False,
              block: int = BLOCK) -> np.ndarray:
  """Average precision of each query by inner product, never holding more than `block` rows of it.

  Products are float32: vectors that differ by rounding alone may rank either way.

  Args:
    queries: [Q, D], finite; see `READOUTS` for what makes the inner product a cosine.
    query_labels: int [Q].
    gallery: [G, D], finite.
    gallery_labels: int [G].
    exclude_self: leave item i out of query i's ranking; for a gallery that is the queries.
    block: queries ranked at once.

  Returns:
    AP [Q], float64; NaN for queries whose class the gallery lacks.

  Raises:
    ValueError: if widths or lengths differ, or a feature is not finite (the example is named).
  """
  queries, query_labels = _checked(queries, query_labels, "queries")
  gallery, gallery_labels = _checked(gallery, gallery_labels, "gallery")
  if queries.shape[1] != gallery.shape[1]:
    raise ValueError(f"queries have width {queries.shape[1]}, gallery {gallery.shape[1]}; "
                     "expected one width: compare the same layer of both")
  if exclude_self and len(queries) != len(gallery):
    raise ValueError(f"exclude_self with {len(queries)} queries and {len(gallery)} gallery items; "
                     "expected the gallery to be the queries")
  members = _members(gallery_labels)
  nothing = np.zeros(0, np.int64)
  values = [np.zeros(0)]
  for start in range(0, len(queries), block):
    stop = min(start + block, len(queries))
    items = [members.get(label, nothing) for label in query_labels[start:stop].tolist()]
    own = np.arange(start, stop) if exclude_self else None
    values.append(_block_precision(queries[start:stop] @ gallery.T, items, own, start))
  return np.concatenate(values)


def _members(labels: np.ndarray) -> dict[int, np.ndarray]:
  """Indices of each class, ascending."""
  order = np.argsort(labels, kind="stable")
  classes, starts = np.unique(labels[order], return_index=True)
  return dict(zip(classes.tolist(), np.split(order, starts[1:]), strict=True))


def _checked(features, labels, what: str) -> tuple[np.ndarray, np.ndarray]:
  features, labels = np.asarray(features, np.float32), np.asarray(labels)
  if features.ndim != 2 or not len(features):
    raise ValueError(f"{what} have shape {list(features.shape)}; expected [N, D] with N >= 1")
  if labels.shape != features.shape[:1]:
    raise ValueError(f"{what} have {len(features)} examples and labels of shape "
                     f"{list(labels.shape)}; expected [{len(features)}]")
  finite = np.isfinite(features).all(axis=1)
  if not finite.all():
    index = int(np.argmin(finite))
    raise ValueError(f"{what}: example {index} (class {labels[index]}) is not finite; "
                     "expected features without NaN and infinity")
  return features, labels


def chance(relevant: np.ndarray | int, gallery: np.ndarray | int) -> np.ndarray:
  """Expected average precision of a random ranking.

  E[AP] = (R-1)/(N-1) + (N-R)/(N(N-1)) H_N, H_N = 1 + 1/2 + ... + 1/N: rank k holds a relevant item
  with probability R/N, and its precision is then (1 + (k-1)(R-1)/(N-1))/k on average; sum over k.

  Args:
    relevant: R, relevant items of each query [...].
    gallery: N, items ranked [...], N >= 1.

  Returns:
    Fraction [...]; NaN where R = 0, 1 where R = N.

  Raises:
    ValueError: unless 0 <= R <= N and N >= 1.
  """
  relevant, gallery = np.broadcast_arrays(np.asarray(relevant), np.asarray(gallery))
  if np.any((relevant < 0) | (relevant > gallery) | (gallery < 1)):
    raise ValueError("chance of R relevant among N; expected 0 <= R <= N and N >= 1")
  sizes, inverse = np.unique(gallery, return_inverse=True)
  harmonic = np.array([np.sum(1 / np.arange(1, n + 1)) for n in sizes])[inverse].reshape(gallery.shape)
  others = np.maximum(gallery - 1, 1)  # N = 1 has R = 1: both terms must give 0 and 1 there
  value = (relevant - 1) / others + (gallery - relevant) / (gallery * others) * harmonic
  return np.where(relevant == 0, np.nan, np.where(gallery == 1, 1.0, value))


def lift(mean: np.ndarray, by_chance: np.ndarray) -> np.ndarray:
  """Share of the way from chance to perfect, (mAP - chance) / (1 - chance), fractions [...]."""
  return (mean - by_chance) / (1 - by_chance)


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
  """Cosine of the class probabilities, softmax of fc8, whatever `layer`; unit vectors ([Q, C], [G, C]).

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


# A read-out maps (features of all modalities, query, gallery, layer) to two arrays whose inner product
# ranks the gallery. What depends on the gallery item alone (CSLS, query banks) is one more column.
Readout = Callable[[Mapping[str, Activations], str, str, str], tuple[np.ndarray, np.ndarray]]
READOUTS: dict[str, Readout] = {"cosine": cosine, "centred": centred, "posterior": posterior}


def retrieval_table(features: Mapping[str, Activations], layer: str, readout: str = "cosine", *,
                    block: int = BLOCK) -> Table:
  """Mean AP and chance from every modality to every modality, the diagonal with self left out.

  Args:
    features: {modality: {layer: [N, D], "fc8": [N, C], "label": [N]}}, in table order.
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
  cells = [[_cell(features, query, gallery, layer, readout, block) for gallery in features]
           for query in features]
  columns = ([np.array([[cell[i] for cell in row] for row in cells]) for i in range(len(cells[0][0]))]
             if cells else [])
  return Table(layer, readout, tuple(features), *columns)


def _check_features(features: Mapping[str, Activations], layer: str) -> None:
  if not features:
    raise ValueError("no features; expected at least one modality")
  widths = {}
  for name, activations in features.items():
    if layer not in activations:
      raise ValueError(f"{name} has no layer {layer!r}; expected one of "
                       f"{', '.join(key for key in activations if key != 'label')}")
    x, _ = _checked(activations[layer], activations["label"], f"{name} {layer}")
    widths[name] = x.shape[1]
  first = next(iter(widths))
  for name, width in widths.items():
    if width != widths[first]:
      raise ValueError(f"{layer} of {name} has width {width}, of {first} {widths[first]}; "
                       "expected one width: compare a layer that all modalities share in size")


def _cell(features, query: str, gallery: str, layer: str, readout: str, block: int) -> tuple:
  """The numbers of one cell, in the order of `Table`'s fields from `mean` on."""
  same = query == gallery
  labels, targets = (np.asarray(features[name]["label"]) for name in (query, gallery))
  ours, theirs = READOUTS[readout](features, query, gallery, layer)
  precision = retrieval(ours, labels, theirs, targets, exclude_self=same, block=block)
  members = _members(targets)
  count = np.array([members[label].size - same if label in members else 0 for label in labels.tolist()])
  size = len(targets) - same
  valid = count > 0
  if not valid.any():
    return np.nan, np.nan, np.nan, np.nan, 0, size, (0, 0)
  labels, precision, count = labels[valid], precision[valid], count[valid]
  by_chance = chance(count, size)
  return (precision.mean(), by_chance.mean(), _class_mean(precision, labels),
          _class_mean(by_chance, labels), valid.sum(), size, (count.min(), count.max()))


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
  logits, labels = _checked(logits, labels, "logits")
  if labels.min() < 0 or labels.max() >= logits.shape[1]:
    raise ValueError(f"labels from {labels.min()} to {labels.max()}; "
                     f"expected 0 to {logits.shape[1] - 1}, the classes of the logits")
  right = (logits.argmax(axis=1) == labels).astype(np.float64)
  return Recognition(float(right.mean()), _class_mean(right, labels), len(labels))
