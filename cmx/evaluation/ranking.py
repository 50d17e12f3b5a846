"""Ranking a gallery: exact ranks and average precision in bounded memory, and its chance level.

Pinned definition: AP over the full ranking of the gallery, relevant = same class, the query itself
left out where the gallery is the queries, ties broken by gallery order. A query without a relevant
item has no AP: it is NaN here, for callers to leave out of means, never a zero.
"""

from collections.abc import Callable, Iterator

import numpy as np

_BLOCK = 256  # queries ranked at once, at most: 256 x 20,500 similarities are 21 MB
_CELLS = 1 << 25  # similarities held at once, at most, where a gallery has no more items
_ROWS = 1 << 22  # entries of vectors looked through at once

Similarity = Callable[[slice], np.ndarray]  # queries -> their similarities to all items [b, G]


def average_precision(ranks: np.ndarray) -> float:
  """AP = 1/R sum_i i / rank_i of the ranks of relevant items [R], ascending from 1; R >= 1."""
  return float(np.mean(np.arange(1, ranks.size + 1) / ranks))


def ranks(similarity: Similarity, query_labels: np.ndarray, gallery_labels: np.ndarray, *,
          own: np.ndarray | None = None, block: int = 0,
          look: Callable[[np.ndarray], None] = lambda block: None) -> Iterator[np.ndarray]:
  """Ranks of the relevant items of each query over the full ranking, exact.

  Equal similarities rank in gallery order. Others differ there: scikit-learn's
  average_precision_score takes equal scores as one threshold, ranx.evaluate sorts them in no stated
  order. Without ties all agree. Gallery order must therefore not follow the classes, or constant
  features beat chance.

  Args:
    similarity: gives those of a slice of the queries to all items; larger is nearer. Its arrays are
      overwritten, and never more than one is held.
    query_labels: int [Q].
    gallery_labels: int [G].
    own: gallery index that is left out of each query's ranking, e.g. itself, int [Q]; or None.
    block: queries ranked at once; 0 takes as many as fit.
    look: shown each block of similarities [b, G], what is left out at -inf.

  Yields:
    For each query in turn, ranks from 1, ascending [R]; [0] where nothing is relevant.

  Raises:
    ValueError: if a similarity is not finite.
  """
  positions, nothing = members(gallery_labels), np.zeros(0, np.int64)
  block = block or max(1, min(_BLOCK, _CELLS // max(len(gallery_labels), 1)))
  for start in range(0, len(query_labels), block):
    labels = query_labels[start:start + block].tolist()
    items = [positions.get(label, nothing) for label in labels]
    found = similarity(slice(start, start + len(labels)))
    _check_finite(found, start)
    if own is not None:
      left_out = own[start:start + block]
      found[np.arange(len(found)), left_out] = -np.inf  # last, behind everything finite
      items = [part[part != out] for part, out in zip(items, left_out)]
    look(found)
    yield from map(_ranks, found, items)
    del found  # before the next one is made


def _check_finite(similarity: np.ndarray, first: int) -> None:
  finite = np.isfinite(similarity).all(axis=1)
  if not finite.all():
    raise ValueError(f"similarity of query {first + int(np.argmin(finite))} is not finite; "
                     "expected numbers without NaN and infinity")


def _ranks(row: np.ndarray, items: np.ndarray) -> np.ndarray:
  """Ranks from 1, ascending, of gallery `items` [R] in `row` [G]."""
  if not items.size:
    return items
  ordered = np.sort(row)  # values alone sort several times faster than indices
  scores = row[items]
  after = np.searchsorted(ordered, scores, side="right")
  if np.all(after - np.searchsorted(ordered, scores, side="left") == 1):
    return np.sort(row.size + 1 - after)
  position = np.empty(row.size, np.int64)  # a relevant item ties: only now is the order needed
  position[np.argsort(-row, kind="stable")] = np.arange(1, row.size + 1)
  return np.sort(position[items])


def retrieval(queries: np.ndarray, query_labels: np.ndarray, gallery: np.ndarray,
              gallery_labels: np.ndarray, *, exclude_self: bool = False,
              block: int = 0) -> np.ndarray:
  """Average precision of each query by inner product, never holding more than `block` rows of it.

  Products are float32: vectors that differ by rounding alone may rank either way.

  Args:
    queries: [Q, D], finite; see `readouts` for what makes the inner product a cosine.
    query_labels: int [Q].
    gallery: [G, D], finite.
    gallery_labels: int [G].
    exclude_self: leave item i out of query i's ranking; for a gallery that is the queries.
    block: queries ranked at once; 0 takes as many as fit.

  Returns:
    AP [Q], float64; NaN for queries whose class the gallery lacks.

  Raises:
    ValueError: if widths or lengths differ, or a feature is not finite (the example is named).
  """
  queries, query_labels = checked(queries, query_labels, "queries")
  gallery, gallery_labels = checked(gallery, gallery_labels, "gallery")
  if queries.shape[1] != gallery.shape[1]:
    raise ValueError(f"queries have width {queries.shape[1]}, gallery {gallery.shape[1]}; "
                     "expected one width: compare the same layer of both")
  if exclude_self and len(queries) != len(gallery):
    raise ValueError(f"exclude_self with {len(queries)} queries and {len(gallery)} gallery items; "
                     "expected the gallery to be the queries")
  found = ranks(lambda part: queries[part] @ gallery.T, query_labels, gallery_labels,
                own=np.arange(len(queries)) if exclude_self else None, block=block)
  return np.array([average_precision(own) if own.size else np.nan for own in found])


def members(labels: np.ndarray) -> dict[int, np.ndarray]:
  """{class: its indices [R], ascending} of labels [N]."""
  order = np.argsort(labels, kind="stable")
  classes, starts = np.unique(labels[order], return_index=True)
  return dict(zip(classes.tolist(), np.split(order, starts[1:]), strict=True))


def checked(features: np.ndarray, labels: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
  """Features [N, D] as float32 and labels [N]; ValueError that begins with `what` otherwise."""
  features, labels = np.asarray(features, np.float32), np.asarray(labels)
  if features.ndim != 2 or not len(features):
    raise ValueError(f"{what} have shape {list(features.shape)}; expected [N, D] with N >= 1")
  if labels.shape != features.shape[:1]:
    raise ValueError(f"{what} have {len(features)} examples and labels of shape "
                     f"{list(labels.shape)}; expected [{len(features)}]")
  step = max(1, _ROWS // max(features.shape[1], 1))  # no mask of a whole gallery
  for start in range(0, len(features), step):
    finite = np.isfinite(features[start:start + step]).all(axis=1)
    if not finite.all():
      index = start + int(np.argmin(finite))
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
  sums = np.array([np.sum(1 / np.arange(1, n + 1)) for n in sizes])
  harmonic = sums[inverse].reshape(gallery.shape)
  others = np.maximum(gallery - 1, 1)  # N = 1 has R = 1: both terms must give 0 and 1 there
  value = (relevant - 1) / others + (gallery - relevant) / (gallery * others) * harmonic
  return np.where(relevant == 0, np.nan, np.where(gallery == 1, 1.0, value))


def lift(mean: np.ndarray, by_chance: np.ndarray) -> np.ndarray:
  """Share of the way from chance to perfect, (mAP - chance) / (1 - chance), fractions [...]."""
  return (mean - by_chance) / (1 - by_chance)
