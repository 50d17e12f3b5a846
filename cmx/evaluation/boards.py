"""Retrieval boards: one query, and what stands nearest to it in every other modality."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cmx.evaluation import ranking
from cmx.evaluation import retrieval

Query = tuple[str, int]  # modality and row


class Answer(NamedTuple):
  """What one modality answers.

  Attributes:
    modality: name.
    rows: nearest items, nearest first, int [K].
    correct: whether they are of the query's category, bool [K].
    expected: correct ones among K that a random ranking gives.
    precision: average precision of the full ranking; NaN where nothing in it is correct.
  """

  modality: str
  rows: np.ndarray
  correct: np.ndarray
  expected: float
  precision: float


class Board(NamedTuple):
  """A query and its answers."""

  modality: str
  row: int
  answers: Sequence[Answer]


def draw_queries(labels: Mapping[str, np.ndarray], count: int, seed: int,
                 category: int | None = None) -> list[Query]:
  """Random queries, whatever becomes of them: `count` of each modality, or all it has.

  Args:
    labels: {modality: int [N]}.
    count: of each modality.
    seed: of the draw.
    category: draw among this label alone.
  """
  queries = []
  for i, (name, part) in enumerate(labels.items()):  # each its own draw: other categories, too
    order = np.random.default_rng((seed, i)).permutation(len(part))
    if category is not None:
      order = order[np.asarray(part)[order] == category]
    queries += [(name, int(row)) for row in order[:count]]
  return queries


def ask(features: Mapping[str, retrieval.Activations], queries: Sequence[Query], layer: str,
        readout: str = "cosine", count: int = 5) -> list[Board]:
  """A board for each query: the `count` nearest items of every other modality.

  Args:
    features: {modality: {layer: [N, D], "label": [N]}}.
    queries: modality and row of each.
    layer: layer to compare; some read-outs read another, whatever is said.
    readout: name of an entry of `readouts.READOUTS` that needs no statistics.
    count: answers of each modality, as many as it has at most.

  Raises:
    ValueError: as `retrieval.vectors`, or if a query is not among the features.
  """
  found = retrieval.vectors(features, layer, readout)
  for name, row in queries:
    if name not in features or not 0 <= row < len(features[name]["label"]):
      raise ValueError(f"query {row} of {name!r}; expected a row of one of {', '.join(features)}")
  answers: dict[Query, list[Answer]] = {query: [] for query in queries}
  for name in features:
    rows = [row for modality, row in answers if modality == name]
    for target in features:
      if rows and target != name:
        for row, answer in zip(rows, _answers(found, name, rows, target, count)):
          answers[name, row].append(answer)
  return [Board(*query, answers[query]) for query in queries]


def _answers(found: retrieval.Vectors, name: str, rows: list[int], target: str,
             count: int) -> list[Answer]:
  """What `target` answers to each of a modality's rows; ties rank in the gallery's order."""
  ours, theirs = found.pair(name, target)
  labels, gallery = found.labels[name][rows], found.labels[target]
  precision = ranking.retrieval(ours[rows], labels, theirs, gallery)
  order = np.argsort(-(ours[rows] @ theirs.T), axis=1, kind="stable")[:, :count]
  correct = gallery[order] == labels[:, None]
  expected = order.shape[1] * (gallery == labels[:, None]).mean(axis=1)
  return [Answer(target, *parts) for parts in zip(order, correct, expected.tolist(),
                                                  precision.tolist())]
