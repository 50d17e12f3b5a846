"""Mixed galleries: all modalities at once, and the preference of one's own."""

import numpy as np
import pytest
from sklearn import metrics

from cmx.evaluation import readouts
from cmx.evaluation import retrieval
from cmx.evaluation.space import mixed

RNG = np.random.default_rng(0)


def features(offset=0.0, counts=(30, 40), classes=4):
  centres = RNG.normal(size=(classes, 8))
  found = {}
  for i, count in enumerate(counts):
    labels = RNG.permutation(np.arange(count) % classes)
    x = centres[labels] + RNG.normal(size=(count, 8)) + offset * i
    found["ab"[i]] = {"fc7": x.astype(np.float32), "label": labels}
  return found


def slow(found, query, row):
  """AP and the nearest ten of one query over everything but itself."""
  names = list(found.x)
  scores = np.concatenate([found.pair(query, name)[0][row] @ found.pair(query, name)[1].T
                           for name in names])
  labels = np.concatenate([found.labels[name] for name in names])
  own = np.concatenate([np.full(len(found.labels[name]), name == query) for name in names])
  others = np.arange(len(scores)) != np.flatnonzero(own)[row]
  scores, labels, own = scores[others], labels[others], own[others]
  return (metrics.average_precision_score(labels == found.labels[query][row], scores),
          own[np.argsort(-scores)[:10]].mean())


@pytest.mark.parametrize("readout", ["cosine", "csls"])
def test_every_item_but_the_query_is_ranked(readout):
  training = features()
  found = retrieval.vectors(features(), "fc7", readout, readouts.fit(training, "fc7"))
  value = mixed.mixed(found, "b")
  expected = [slow(found, "b", row) for row in range(40)]
  np.testing.assert_allclose(value.cell.values["mAP"], [ap for ap, _ in expected], atol=1e-6)
  assert value.own == pytest.approx(np.mean([share for _, share in expected]))
  assert value.cell.gallery == 69 and value.expected == pytest.approx(39 / 69)


def test_modalities_that_stand_apart_prefer_their_own():
  apart = mixed.mixed(retrieval.vectors(features(offset=8.0), "fc7"), "b")
  one = mixed.mixed(retrieval.vectors(features(counts=(200, 200)), "fc7"), "a")
  assert apart.own == 1.0 and apart.expected == pytest.approx(39 / 69)
  assert abs(one.own - one.expected) < 0.05
