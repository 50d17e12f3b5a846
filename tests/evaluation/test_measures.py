"""Measures of rankings: each against scikit-learn, its chance against all rankings."""

import itertools

import numpy as np
import pytest
from sklearn import metrics

from cmx.evaluation.space import measures

QUERIES, ITEMS, CLASSES = 40, 120, 7
RNG = np.random.default_rng(0)
SIMILARITY = np.stack([RNG.permutation(ITEMS) for _ in range(QUERIES)]).astype(np.float32)
LABELS, TARGETS = RNG.integers(0, CLASSES + 1, QUERIES), RNG.integers(0, CLASSES, ITEMS)
CELL = measures.cell(lambda part: SIMILARITY[part].copy(), LABELS, TARGETS)
ASKED = LABELS < CLASSES  # the others have no relevant item


@pytest.mark.parametrize("k", measures.CUTS)
def test_measures_are_those_of_scikit_learn(k):
  expected = {"P": [], "R": [], "hit": [], "nDCG": []}
  for label, row in zip(LABELS[ASKED], SIMILARITY[ASKED]):
    truth, first = TARGETS == label, row >= np.sort(row)[-k]
    expected["P"].append(metrics.precision_score(truth, first))
    expected["R"].append(metrics.recall_score(truth, first))
    expected["hit"].append(float(expected["R"][-1] > 0))
    expected["nDCG"].append(metrics.ndcg_score([truth], [row], k=k))
  for name, values in expected.items():
    np.testing.assert_allclose(CELL.values[f"{name}@{k}"][ASKED], values, rtol=0, atol=1e-6)


def test_mean_average_precision_is_that_of_scikit_learn():
  expected = [metrics.average_precision_score(TARGETS == label, row)
              for label, row in zip(LABELS[ASKED], SIMILARITY[ASKED])]
  np.testing.assert_allclose(CELL.values["mAP"][ASKED], expected, atol=1e-6)


def test_map_at_r_counts_the_first_r_alone():
  for i in np.flatnonzero(ASKED):
    ranked = TARGETS[np.argsort(-SIMILARITY[i])] == LABELS[i]
    count = ranked.sum()
    total = sum(ranked[:k].sum() / k for k in range(1, count + 1) if ranked[k - 1])
    assert CELL.values["mAP@R"][i] == pytest.approx(total / count, abs=1e-12)


def test_queries_without_a_relevant_item_are_nan_and_have_no_chance():
  assert (~ASKED).any()
  for values in (*CELL.values.values(), *CELL.chance.values()):
    np.testing.assert_array_equal(np.isnan(values), ~ASKED)
  np.testing.assert_array_equal(CELL.relevant, [np.sum(TARGETS == label) for label in LABELS])


@pytest.mark.parametrize("relevant, size", [(1, 1), (1, 6), (2, 6), (3, 6), (6, 6), (2, 7)])
@pytest.mark.parametrize("name", measures.MEASURES)
def test_chance_is_the_mean_over_all_rankings(name, relevant, size):
  every = [np.array(ranks) for ranks in itertools.combinations(range(1, size + 1), relevant)]
  expected = np.mean([measures.MEASURES[name].of(ranks, size) for ranks in every])
  found = measures.MEASURES[name].chance(np.array([relevant]), np.array([size]))
  np.testing.assert_allclose(found, [expected], rtol=1e-12)


def test_one_item_is_left_out_of_each_ranking():
  x = RNG.normal(size=(30, 4)).astype(np.float32)
  labels = np.arange(30) % 3
  cell = measures.cell(lambda part: x[part] @ x.T, labels, labels, own=np.arange(30))
  i, others = 4, np.arange(30) != 4
  expected = metrics.average_precision_score(labels[others] == labels[i], (x @ x[i])[others])
  assert cell.values["mAP"][i] == pytest.approx(expected, abs=1e-6)
  assert cell.gallery == 29 and set(cell.relevant) == {9}
