"""Probes: linear classifiers of the class from one modality to another, and of the modality."""

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from sklearn import exceptions
from sklearn import linear_model
from sklearn import metrics

EXAMPLES = 2_000  # of each modality that a classifier learns from, at most

PROBE = ("Linear probe: logistic regression on the training examples of one modality (rows), mean "
         "over classes of the accuracy on another's (columns), among classes that both have; "
         "chance 1 / classes learned.")
A_DISTANCE = ("A-distance: 2 (1 - 2 err), err the balanced error of a logistic regression that "
              "tells two modalities apart, learned on one half and counted on the other; 0 where "
              "it cannot, 2 where it always can.")


class Probe(NamedTuple):
  """Balanced accuracy of a probe, and its chance; NaN where there are no two common classes."""

  accuracy: float
  chance: float


def probes(training: Mapping[str, np.ndarray], training_labels: Mapping[str, np.ndarray],
           x: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
           ) -> dict[tuple[str, str], Probe]:
  """A probe of every modality on every modality.

  Args:
    training: {modality: vectors of training examples [N, D]}, all of one width.
    training_labels: {modality: int [N]}.
    x: {modality: vectors to be told [Q, D]}.
    labels: {modality: int [Q]}.

  Returns:
    {(modality learned from, modality told): Probe}.
  """
  found = {}
  for name, vectors in training.items():
    known = training_labels[name]
    chosen = _drawn(len(vectors), np.random.default_rng(0))
    model = _fitted(vectors[chosen], known[chosen])
    for other, theirs in x.items():
      common = np.intersect1d(np.unique(known[chosen]), labels[other])
      there = np.isin(labels[other], common)
      if len(common) < 2:
        found[name, other] = Probe(np.nan, np.nan)
        continue
      told = model.predict(theirs[there])
      found[name, other] = Probe(
        float(metrics.recall_score(labels[other][there], told, labels=common, average="macro",
                                   zero_division=0)), 1 / len(np.unique(known[chosen])))
  return found


def a_distance(a: np.ndarray, b: np.ndarray) -> float:
  """How well a line tells vectors a [N, D] from b [M, D]: 2 (1 - 2 err), at least 0.

  Source: Ben-David et al. 2007.
  """
  rng = np.random.default_rng(0)
  parts = [part[_drawn(len(part), rng)] for part in (a, b)]
  first, second = (np.concatenate([part[i::2] for part in parts]) for i in (0, 1))
  sides = [np.repeat([0, 1], [len(part[i::2]) for part in parts]) for i in (0, 1)]
  model = _fitted(first, sides[0])
  error = 1 - metrics.balanced_accuracy_score(sides[1], model.predict(second))
  return max(0.0, 2 * (1 - 2 * float(error)))


def _drawn(count: int, rng: np.random.Generator) -> np.ndarray:
  return rng.permutation(count)[:EXAMPLES]


def _fitted(x: np.ndarray, labels: np.ndarray) -> linear_model.LogisticRegression:
  """A classifier of vectors at length 1: weak regularisation, as features of one row are small."""
  with warnings.catch_warnings():  # one that stops early tells as well
    warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
    return linear_model.LogisticRegression(
      C=10.0, max_iter=200, class_weight="balanced").fit(x, labels)
