"""Average precision of every query over the whole gallery: a cell of the retrieval table."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness
from cmx.evaluation import ranking

_BLOCK = 256  # queries that the peers rank at once, as cmx does


def comparisons(quick: bool) -> list[harness.Comparison]:
  q, g, d, classes = (50, 400, 32, 20) if quick else (1_000, 20_500, 512, 205)
  sizes = (q, g, d, classes)
  return [
    harness.Comparison(f"{q:,} queries x {g:,} targets, D={d}, {classes} classes", [
      harness.Contender("cmx", lambda: _cmx(*sizes)),
      harness.Contender("scikit-learn, a loop", lambda: _scikit_learn(*sizes), at_least=6),
      harness.Contender("ranx", lambda: _ranx(*sizes), at_least=1),
      harness.Contender("product and sort", lambda: _least(*sizes), harness.LIMIT)],
      tolerance=1e-6, seconds=60.0),
    harness.Comparison(f"memory of the same, {q:,} queries", [
      harness.Contender("cmx", lambda: _cmx(*sizes)),
      harness.Contender("cmx, four times the queries", lambda: _cmx(4 * q, g, d, classes),
                        at_most=1.25),
      harness.Contender("scikit-learn, a loop", lambda: _scikit_learn(*sizes))],
      tolerance=np.inf, measure=harness.MEMORY)]


def _data(q: int, g: int, d: int, classes: int) -> tuple[np.ndarray, ...]:
  rng = np.random.default_rng(0)
  centres = rng.normal(size=(classes, d))
  labels = [rng.integers(classes, size=count) for count in (q, g)]
  vectors = [(centres[part] + 3 * rng.normal(size=(len(part), d))).astype(np.float32)
             for part in labels]
  unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in vectors]
  return unit[0], labels[0], unit[1], labels[1]


def _cmx(*sizes: int) -> Callable[[], Any]:
  data = _data(*sizes)
  return lambda: ranking.retrieval(*data)


def _blocks(queries, query_labels, gallery, gallery_labels):
  for start in range(0, len(queries), _BLOCK):
    part = slice(start, start + _BLOCK)
    yield queries[part] @ gallery.T, query_labels[part, None] == gallery_labels


def _scikit_learn(*sizes: int) -> Callable[[], Any]:
  from sklearn import metrics
  data = _data(*sizes)
  later = 1e-15 * np.arange(len(data[2]))  # equal scores count as one there, in gallery order here
  return lambda: np.array([metrics.average_precision_score(truth, row - later)
                           for scores, relevant in _blocks(*data)
                           for row, truth in zip(scores, relevant)])


def _ranx(*sizes: int) -> Callable[[], Any]:
  import ranx
  data = _data(*sizes)

  def run():
    values = []
    for scores, relevant in _blocks(*data):
      order = np.argsort(-scores, axis=1, kind="stable")
      found = np.stack([order, np.take_along_axis(scores, order, 1)], -1).astype(np.float64)
      items = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
      truth = np.stack([items, relevant], -1).astype(np.float64)
      values.append(ranx.metrics.average_precision(truth, found))
    return np.concatenate(values)

  return run


def _least(*sizes: int) -> Callable[[], Any]:
  """The similarities, sorted: no exact average precision is had without."""
  data = _data(*sizes)

  def run():
    for scores, _ in _blocks(*data):
      np.sort(scores, axis=1)

  return run
