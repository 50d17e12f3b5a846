"""A mixed gallery: all modalities at once, and how much a space prefers the query's own."""

from typing import NamedTuple

import numpy as np

from cmx.evaluation import retrieval
from cmx.evaluation.space import measures

NEAREST = 10

DEFINITION = (
  "Every query ranks the items of all modalities at once, itself left out. own@10: share of the "
  "query's own modality among the first 10; where the modality plays no part, it is that of the "
  "gallery. bias = own@10 less that share.")


class Mixed(NamedTuple):
  """Queries of one modality over all items.

  Attributes:
    cell: measures, relevant = same class, of any modality.
    own: share of the query's modality among the `NEAREST` first, mean over queries.
    expected: its share of the gallery.
  """

  cell: measures.Cell
  own: float
  expected: float


def mixed(found: retrieval.Vectors, query: str) -> Mixed:
  """Queries of one modality over the items of all; scores of pairs of modalities side by side."""
  pairs = [found.pair(query, name) for name in found.x]
  targets = np.concatenate(list(found.labels.values()))
  modality = np.repeat(list(found.x), [len(labels) for labels in found.labels.values()])
  ours = modality == query
  k, shares = min(NEAREST, len(targets) - 1), []

  def similarity(part):
    return np.concatenate([queries[part] @ items.T for queries, items in pairs], axis=1)

  def look(block):
    shares.append(ours[np.argpartition(block, -k, axis=1)[:, -k:]].mean(axis=1))

  cell = measures.cell(similarity, found.labels[query], targets, own=np.flatnonzero(ours),
                       look=look)
  return Mixed(cell, float(np.concatenate(shares).mean()), (ours.sum() - 1) / (len(targets) - 1))
