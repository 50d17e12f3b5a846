import tracemalloc

import numpy as np
import pytest
import ranx
from sklearn import metrics

from cmx.evaluation import ranking


def slow_precision(row, relevant, excluded=None):
  """The definition, item by item."""
  order = [j for j in np.argsort(-row, kind="stable") if j != excluded]
  hits, total = 0, 0.0
  for rank, j in enumerate(order, start=1):
    if relevant[j]:
      hits += 1
      total += hits / rank
  return total / hits if hits else float("nan")


def by_ranx(similarity, relevant):
  """ranx's metric on the stable ranking; ranx.evaluate would sort ties in no stated order."""
  order = np.argsort(-similarity, axis=1, kind="stable")
  run = np.stack([order, np.take_along_axis(similarity, order, 1)], axis=-1).astype(np.float64)
  items = np.broadcast_to(np.arange(relevant.shape[1]), relevant.shape)
  qrels = np.stack([items, relevant], axis=-1)
  return ranx.metrics.average_precision(qrels.astype(np.float64), run)


def precision(similarity, relevant, excluded=None):
  """Of each query, by similarities and what is relevant instead of features and labels."""
  values = []
  for i, (row, truth) in enumerate(zip(similarity, relevant)):
    def own(part, row=row):
      return row[None].copy()
    left_out = None if excluded is None else excluded[i:i + 1]
    ranks, = ranking.ranks(own, np.ones(1, int), np.asarray(truth, int), own=left_out)
    values.append(ranking.average_precision(ranks) if ranks.size else np.nan)
  return np.array(values)


def test_average_precision_of_a_ranking_by_hand():
  similarity = np.array([[0.9, 0.1, 0.8, 0.3], [0.1, 0.2, 0.3, 0.4]])
  relevant = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], bool)
  # ranks 1 and 4: (1/1 + 2/4) / 2; rank 4: 1/4
  ours = precision(similarity, relevant)
  np.testing.assert_allclose(ours, [0.75, 0.25], rtol=1e-15)


def test_ties_rank_in_gallery_order():
  similarity = np.array([[1.0, 2.0, 1.0, 1.0]])
  for item, rank in enumerate((2, 1, 3, 4)):
    relevant = np.arange(4)[None] == item
    assert precision(similarity, relevant)[0] == 1 / rank


def test_minus_zero_ties_with_zero():
  assert precision(np.array([[-0.0, 0.0]]), np.array([[True, False]]))[0] == 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_scikit_learn_without_ties(dtype):
  rng = np.random.default_rng(0)
  similarity = np.stack([rng.permutation(300) for _ in range(40)]).astype(dtype)
  relevant = rng.random((40, 300)) < 0.1
  expected = [metrics.average_precision_score(r, s) for r, s in zip(relevant, similarity)]
  ours = precision(similarity, relevant)
  np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)


def test_equals_ranx_and_the_slow_loop_with_ties():
  rng = np.random.default_rng(1)
  similarity = rng.integers(0, 12, size=(30, 200)).astype(np.float32)
  relevant = rng.random((30, 200)) < 0.1
  ours = precision(similarity, relevant)
  expected = [slow_precision(s, r) for s, r in zip(similarity, relevant)]
  np.testing.assert_allclose(ours, expected, rtol=1e-14)
  np.testing.assert_allclose(ours, by_ranx(similarity, relevant), rtol=1e-14)
  grouped = [metrics.average_precision_score(r, s) for r, s in zip(relevant, similarity)]
  assert np.abs(ours - grouped).max() > 0.01  # scikit-learn pins ties differently


def test_a_query_without_a_relevant_item_is_nan_not_zero():
  similarity, relevant = np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([[0, 0], [0, 1]], bool)
  value = precision(similarity, relevant)
  assert np.isnan(value[0]) and value[1] == 1.0


def test_one_item_is_left_out_of_each_ranking():
  rng = np.random.default_rng(2)
  similarity, relevant = rng.normal(size=(23, 50)), rng.random((23, 50)) < 0.2
  ours = precision(similarity, relevant, np.arange(23))
  expected = [slow_precision(similarity[i], relevant[i], i) for i in range(23)]
  np.testing.assert_allclose(ours, expected, rtol=1e-14)


def test_self_is_excluded_where_the_gallery_is_the_queries():
  x = np.array([[1, 0], [0, 1], [0.8, 0.6]], np.float32)
  labels = np.array([0, 1, 0])
  value = ranking.retrieval(x, labels, x, labels, exclude_self=True)
  # 0: item 2 is its nearest; 1: nothing left of its class; 2: item 0 (0.8) before item 1 (0.6)
  np.testing.assert_array_equal(value, [1.0, np.nan, 1.0])
  labels = np.array([0, 0, 1])
  np.testing.assert_array_equal(ranking.retrieval(x, labels, x, labels, exclude_self=True),
                                [0.5, 0.5, np.nan])


def test_retrieval_equals_the_slow_loop_at_every_block_size():
  rng = np.random.default_rng(3)
  # integers: every product is exact, so ties are ties at any block size
  x, y = (rng.integers(-3, 4, size=(n, 8)).astype(np.float32) for n in (41, 57))
  labels, targets = rng.integers(0, 5, 41), rng.integers(0, 5, 57)
  expected = [slow_precision(row, targets == label) for row, label in zip(x @ y.T, labels)]
  for block in (1, 7, 41, 256):
    value = ranking.retrieval(x, labels, y, targets, block=block)
    np.testing.assert_allclose(value, expected, rtol=1e-14)


def test_self_is_excluded_in_every_block():
  rng = np.random.default_rng(5)
  x, labels = rng.normal(size=(23, 4)).astype(np.float32), rng.integers(0, 3, 23)
  expected = [slow_precision(row, labels == labels[i], i) for i, row in enumerate(x @ x.T)]
  value = ranking.retrieval(x, labels, x, labels, exclude_self=True, block=5)
  np.testing.assert_allclose(value, expected, rtol=1e-14)


def test_memory_stays_below_the_matrix_of_similarities():
  rng = np.random.default_rng(4)
  x, y = (rng.normal(size=(n, 16)).astype(np.float32) for n in (2000, 5000))
  labels, targets = np.arange(2000) % 50, np.arange(5000) % 50
  tracemalloc.start()
  ranking.retrieval(x, labels, y, targets)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert peak < 16e6  # the matrix alone has 40e6 bytes


def test_a_larger_gallery_has_smaller_blocks(monkeypatch):
  sizes = []
  monkeypatch.setattr(ranking, "_CELLS", 1000)

  def similarity(part):
    sizes.append(part.stop - part.start)
    return np.zeros((sizes[-1], 300), np.float32)

  list(ranking.ranks(similarity, np.zeros(10, int), np.zeros(300, int)))
  assert sizes == [3, 3, 3, 1]  # 3 x 300 <= 1000


@pytest.mark.parametrize("relevant, gallery, expected", [
  (10, 2050, 0.0083763), (100, 20500, 0.0053395), (1, 4, 25 / 48), (1, 1, 1.0), (3, 3, 1.0),
  (2, 3, 29 / 36)])
def test_chance_in_closed_form(relevant, gallery, expected):
  np.testing.assert_allclose(ranking.chance(relevant, gallery), expected, atol=5e-8)


def test_chance_is_the_mean_over_all_rankings():
  rankings = np.stack(np.meshgrid(*[range(6)] * 3, indexing="ij"), -1).reshape(-1, 3)
  rankings = np.sort(rankings[[len(set(r)) == 3 for r in rankings.tolist()]], axis=1) + 1
  np.testing.assert_allclose(np.mean(np.arange(1, 4) / rankings), ranking.chance(3, 6), rtol=1e-13)


def test_chance_of_nothing_relevant_is_nan():
  np.testing.assert_array_equal(np.isnan(ranking.chance([0, 1], 5)), [True, False])


def test_chance_refuses_more_relevant_than_items():
  with pytest.raises(ValueError, match="expected 0 <= R <= N and N >= 1"):
    ranking.chance(6, 5)


def test_errors_say_expected_and_given():
  x, labels = np.ones((3, 4), np.float32), np.zeros(3, int)
  with pytest.raises(ValueError, match="queries have width 4, gallery 2; expected one width"):
    ranking.retrieval(x, labels, x[:, :2], labels)
  with pytest.raises(ValueError, match="exclude_self with 3 queries and 2 gallery items"):
    ranking.retrieval(x, labels, x[:2], labels[:2], exclude_self=True)
  with pytest.raises(ValueError, match=r"gallery have shape \[0, 4\]; expected \[N, D\] with N"):
    ranking.retrieval(x, labels, x[:0], labels[:0])
  with pytest.raises(ValueError, match="similarity of query 1 is not finite"):
    list(ranking.ranks(lambda part: np.array([[1.0, 2.0], [np.nan, 0.0]]), labels[:2], labels[:2]))
