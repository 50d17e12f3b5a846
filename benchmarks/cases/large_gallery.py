"""A gallery of a million vectors: the average precision of every query, and its ten nearest."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness
from cmx.evaluation import embedding
from cmx.evaluation import ranking

_CELLS = 1 << 25  # similarities that the bare product holds at once, as cmx does
_COUNT = 10


def comparisons(quick: bool) -> list[harness.Comparison]:
  q, g, d, classes = (20, 2_000, 32, 20) if quick else (1_000, 1_000_000, 512, 1_000)
  sizes = (q, g, d, classes)
  title = f"{q:,} queries x {g:,} targets, D={d}"
  ranked = [
    harness.Contender("cmx, average precision", lambda: _ranked(*sizes)),
    harness.Contender("bare product", lambda: _product(*sizes), harness.LIMIT,
                      reason="every similarity is sorted, too: the product alone ranks nothing")]
  nearest = [
    harness.Contender("cmx, ten nearest", lambda: _nearest(*sizes)),
    harness.Contender("FAISS, flat", lambda: _faiss(*sizes)),
    harness.Contender("bare product", lambda: _product(*sizes), harness.LIMIT)]
  found = []
  for words, contenders in (("full ranking", ranked), ("ten nearest", nearest)):
    found.append(harness.Comparison(f"{title}, {words}", contenders, tolerance=1e-5, seconds=1.0))
    found.append(harness.Comparison(f"memory of the same, {words}", contenders, tolerance=1e-5,
                                    measure=harness.MEMORY))
  return found


@functools.lru_cache(maxsize=1)
def _data(q: int, g: int, d: int, classes: int) -> tuple[np.ndarray, ...]:
  """Unit vectors around the centres of their classes, and labels."""
  rng = np.random.default_rng(0)
  centres = rng.standard_normal((classes, d), np.float32)
  found = []
  for count in (q, g):
    labels = rng.integers(classes, size=count)
    x = rng.standard_normal((count, d), np.float32)
    x *= 3
    for start in range(0, count, 1 << 16):  # in place: a gallery is 2 GB
      part = slice(start, start + (1 << 16))
      x[part] += centres[labels[part]]
      x[part] /= np.linalg.norm(x[part], axis=1, keepdims=True)
    found += [x, labels]
  return tuple(found)


def _ranked(*sizes: int) -> Callable[[], Any]:
  data = _data(*sizes)
  return lambda: ranking.retrieval(*data)


def _nearest(*sizes: int) -> Callable[[], Any]:
  queries, _, gallery, _ = _data(*sizes)
  return lambda: embedding.nearest(queries, gallery, _COUNT)[1]


def _faiss(*sizes: int) -> Callable[[], Any]:
  import faiss
  queries, _, gallery, _ = _data(*sizes)
  return lambda: faiss.knn(queries, gallery, _COUNT, metric=faiss.METRIC_INNER_PRODUCT)[0]


def _product(*sizes: int) -> Callable[[], Any]:
  queries, _, gallery, _ = _data(*sizes)
  block = max(1, _CELLS // len(gallery))

  def run():
    for start in range(0, len(queries), block):
      queries[start:start + block] @ gallery.T

  return run
