import tracemalloc

import numpy as np
import pytest
import ranx
from sklearn import metrics

from cmx import retrieval


def world(seed, counts, classes=5, width=8, noise=1.0):
  """Features of several modalities around common class centres, labels in no order."""
  rng = np.random.default_rng(seed)
  centres = rng.normal(size=(classes, width))
  features = {}
  for name, count in counts.items():
    labels = rng.permutation(np.arange(count) % classes)
    x = (centres[labels] + noise * rng.normal(size=(count, width))).astype(np.float32)
    features[name] = {"fc7": x, "fc8": x @ centres.T.astype(np.float32), "label": labels}
  return features


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
  qrels = np.stack([np.broadcast_to(np.arange(relevant.shape[1]), relevant.shape), relevant], axis=-1)
  return ranx.metrics.average_precision(qrels.astype(np.float64), run)


def test_average_precision_of_a_ranking_by_hand():
  similarity = np.array([[0.9, 0.1, 0.8, 0.3], [0.1, 0.2, 0.3, 0.4]])
  relevant = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], bool)
  # ranks 1 and 4: (1/1 + 2/4) / 2; rank 4: 1/4
  np.testing.assert_allclose(retrieval.average_precision(similarity, relevant), [0.75, 0.25], rtol=1e-15)


def test_ties_rank_in_gallery_order():
  similarity = np.array([[1.0, 2.0, 1.0, 1.0]])
  for item, rank in enumerate((2, 1, 3, 4)):
    relevant = np.arange(4)[None] == item
    assert retrieval.average_precision(similarity, relevant)[0] == 1 / rank


def test_minus_zero_ties_with_zero():
  assert retrieval.average_precision(np.array([[-0.0, 0.0]]), np.array([[True, False]]))[0] == 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_scikit_learn_without_ties(dtype):
  rng = np.random.default_rng(0)
  similarity = np.stack([rng.permutation(300) for _ in range(40)]).astype(dtype)
  relevant = rng.random((40, 300)) < 0.1
  expected = [metrics.average_precision_score(r, s) for r, s in zip(relevant, similarity)]
  np.testing.assert_allclose(retrieval.average_precision(similarity, relevant), expected, rtol=0, atol=1e-9)


def test_equals_ranx_and_the_slow_loop_with_ties():
  rng = np.random.default_rng(1)
  similarity = rng.integers(0, 12, size=(30, 200)).astype(np.float32)
  relevant = rng.random((30, 200)) < 0.1
  ours = retrieval.average_precision(similarity, relevant)
  expected = [slow_precision(s, r) for s, r in zip(similarity, relevant)]
  np.testing.assert_allclose(ours, expected, rtol=1e-14)
  np.testing.assert_allclose(ours, by_ranx(similarity, relevant), rtol=1e-14)
  grouped = [metrics.average_precision_score(r, s) for r, s in zip(relevant, similarity)]
  assert np.abs(ours - grouped).max() > 0.01  # scikit-learn pins ties differently


def test_a_query_without_a_relevant_item_is_nan_not_zero():
  value = retrieval.average_precision(np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([[0, 0], [0, 1]], bool))
  assert np.isnan(value[0]) and value[1] == 1.0


def test_blocks_of_rows_give_the_same_as_the_matrix():
  rng = np.random.default_rng(2)
  similarity, relevant = rng.normal(size=(23, 50)), rng.random((23, 50)) < 0.2
  own = np.arange(23)
  whole = retrieval.average_precision(similarity, relevant, excluded=own)
  parts = retrieval.average_precision((similarity[i:i + 7] for i in range(0, 23, 7)),
                                      (relevant[i:i + 7] for i in range(0, 23, 7)), excluded=own)
  np.testing.assert_array_equal(parts, whole)
  expected = [slow_precision(similarity[i], relevant[i], i) for i in range(23)]
  np.testing.assert_allclose(whole, expected, rtol=1e-14)


def test_average_precision_leaves_its_input_alone():
  similarity = np.array([[3.0, 2.0], [1.0, 4.0]])
  retrieval.average_precision(similarity, np.ones((2, 2), bool), excluded=np.array([0, 1]))
  np.testing.assert_array_equal(similarity, [[3.0, 2.0], [1.0, 4.0]])


def test_self_is_excluded_where_the_gallery_is_the_queries():
  x = np.array([[1, 0], [0, 1], [0.8, 0.6]], np.float32)
  labels = np.array([0, 1, 0])
  value = retrieval.retrieval(x, labels, x, labels, exclude_self=True)
  # 0: item 2 is its nearest; 1: nothing left of its class; 2: item 0 (0.8) before item 1 (0.6)
  np.testing.assert_array_equal(value, [1.0, np.nan, 1.0])
  labels = np.array([0, 0, 1])
  np.testing.assert_array_equal(retrieval.retrieval(x, labels, x, labels, exclude_self=True),
                                [0.5, 0.5, np.nan])


def test_retrieval_equals_the_slow_loop_at_every_block_size():
  features = world(3, {"a": 41, "b": 57})
  q, g = features["a"], features["b"]
  # integers: every product is exact, so ties are ties at any block size
  x, y = np.round(2 * q["fc7"]), np.round(2 * g["fc7"])
  expected = [slow_precision(row, g["label"] == label) for row, label in zip(x @ y.T, q["label"])]
  for block in (1, 7, 41, 256):
    value = retrieval.retrieval(x, q["label"], y, g["label"], block=block)
    np.testing.assert_allclose(value, expected, rtol=1e-14)


def test_memory_stays_below_the_matrix_of_similarities():
  rng = np.random.default_rng(4)
  x, y = (rng.normal(size=(n, 16)).astype(np.float32) for n in (2000, 5000))
  labels, targets = np.arange(2000) % 50, np.arange(5000) % 50
  tracemalloc.start()
  retrieval.retrieval(x, labels, y, targets)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert peak < 16e6  # the matrix alone has 40e6 bytes


@pytest.mark.parametrize("relevant, gallery, expected", [
  (10, 2050, 0.0083763), (100, 20500, 0.0053395), (1, 4, 25 / 48), (1, 1, 1.0), (3, 3, 1.0), (2, 3, 29 / 36)])
def test_chance_in_closed_form(relevant, gallery, expected):
  np.testing.assert_allclose(retrieval.chance(relevant, gallery), expected, atol=5e-8)


def test_chance_is_the_mean_over_all_rankings():
  rankings = np.stack(np.meshgrid(*[range(6)] * 3, indexing="ij"), -1).reshape(-1, 3)
  rankings = np.sort(rankings[[len(set(r)) == 3 for r in rankings.tolist()]], axis=1) + 1
  np.testing.assert_allclose(np.mean(np.arange(1, 4) / rankings), retrieval.chance(3, 6), rtol=1e-13)


def test_chance_of_nothing_relevant_is_nan():
  np.testing.assert_array_equal(np.isnan(retrieval.chance([0, 1], 5)), [True, False])


def test_chance_refuses_more_relevant_than_items():
  with pytest.raises(ValueError, match="expected 0 <= R <= N and N >= 1"):
    retrieval.chance(6, 5)


def test_shuffled_labels_are_at_chance():
  features = world(5, {"a": 100, "b": 200, "c": 60}, classes=10, noise=0.3)
  rng = np.random.default_rng(6)
  means = []
  for _ in range(30):
    for activations in features.values():
      activations["label"] = rng.permutation(activations["label"])
    table = retrieval.retrieval_table(features, "fc7")
    means.append(table.mean)
  error = np.std(means, axis=0, ddof=1) / np.sqrt(30)
  assert np.all(np.abs(np.mean(means, axis=0) - table.chance) < 4 * error)
  assert error.max() < 0.005  # so that the line above can fail


def test_rows_are_queries_and_columns_galleries():
  features = world(7, {"a": 30, "b": 45}, noise=2.0)
  table = retrieval.retrieval_table(features, "fc7")
  x, y = (retrieval.unit(features[m]["fc7"]) for m in "ab")
  expected = retrieval.retrieval(x, features["a"]["label"], y, features["b"]["label"]).mean()
  assert table.modalities == ("a", "b")
  assert table.mean[0, 1] == expected and table.mean[1, 0] != expected
  np.testing.assert_array_equal(table.gallery, [[29, 45], [30, 44]])
  np.testing.assert_array_equal(table.queries, [[30, 30], [45, 45]])
  np.testing.assert_array_equal(table.relevant, [[[5, 5], [9, 9]], [[6, 6], [8, 8]]])
  np.testing.assert_allclose(table.chance, retrieval.chance([[5, 9], [6, 8]], [[29, 45], [30, 44]]))


def test_table_counts_rare_classes_by_their_own_chance_and_leaves_out_absent_ones():
  eye = np.eye(3, dtype=np.float32)
  features = {"a": {"fc7": eye[[0, 0, 0, 1, 2]], "label": np.array([0, 0, 0, 1, 2])},
              "b": {"fc7": eye[[1, 0, 0]], "label": np.array([0, 0, 1])}}
  table = retrieval.retrieval_table(features, "fc7")
  # class 0 sees (0, 1, 1), its items 0 and 1 at ranks 3 and 1; class 1 sees (1, 0, 0), its item 2 last
  zero, one = (1 / 1 + 2 / 3) / 2, 1 / 3
  np.testing.assert_allclose(table.mean[0, 1], (3 * zero + one) / 4)
  np.testing.assert_allclose(table.balanced[0, 1], (zero + one) / 2)
  expected = retrieval.chance([2, 1], 3)
  np.testing.assert_allclose(table.chance[0, 1], (3 * expected[0] + expected[1]) / 4)
  np.testing.assert_allclose(table.balanced_chance[0, 1], expected.mean())
  assert table.queries[0, 1] == 4 and table.relevant[0, 1].tolist() == [1, 2]


def test_a_cell_without_common_classes_is_nan():
  x = np.ones((2, 3), np.float32)
  table = retrieval.retrieval_table({"a": {"fc7": x, "label": np.array([0, 0])},
                                     "b": {"fc7": x, "label": np.array([1, 1])}}, "fc7")
  assert np.isnan(table.mean[0, 1]) and np.isnan(table.chance[0, 1]) and table.queries[0, 1] == 0
  assert table.mean[0, 0] == 1.0


def test_centring_removes_an_offset_of_a_modality():
  features = world(8, {"a": 50, "b": 50}, noise=0.3)
  plain = retrieval.retrieval_table(features, "fc7", "centred").mean
  features["b"]["fc7"] = features["b"]["fc7"] + 10 * np.eye(8, dtype=np.float32)[0]
  moved = retrieval.retrieval_table(features, "fc7", "centred").mean
  np.testing.assert_allclose(moved, plain, atol=0.01)  # float32 products may swap a pair of neighbours
  assert retrieval.retrieval_table(features, "fc7", "cosine").mean[0, 1] < plain[0, 1] - 0.05


def test_posterior_is_the_cosine_of_softmax():
  logits = np.log(np.array([[0.6, 0.3, 0.1]], np.float32))
  features = {"a": {"fc8": logits, "label": [0]}, "b": {"fc8": 1000 + logits[:, ::-1], "label": [0]}}
  x, y = retrieval.posterior(features, "a", "b", "fc7")
  np.testing.assert_allclose(x @ y.T, [[(0.06 + 0.09 + 0.06) / 0.46]], rtol=1e-4)
  assert retrieval.retrieval_table(features, "fc7", "posterior").layer == "fc8"


def test_unit_survives_zeros_and_extreme_sizes():
  x = retrieval.unit(np.array([[0, 0], [3e30, 4e30], [3e-30, 4e-30]], np.float32))
  np.testing.assert_allclose(x, [[0, 0], [0.6, 0.8], [0.6, 0.8]], rtol=1e-6)


def test_recognition_counts_examples_and_classes():
  logits = np.array([[2, 1], [2, 1], [2, 1], [2, 1]], np.float32)
  value = retrieval.recognition(logits, np.array([0, 0, 0, 1]))
  assert value == retrieval.Recognition(0.75, 0.5, 4)


def features_of_two():
  return world(9, {"photo": 10, "words": 10})


def test_a_feature_that_is_not_finite_names_the_example():
  for bad in (np.nan, np.inf):
    features = features_of_two()
    features["words"]["fc7"][3, 2] = bad
    label = features["words"]["label"][3]
    with pytest.raises(ValueError, match=rf"words fc7: example 3 \(class {label}\) is not finite"):
      retrieval.retrieval_table(features, "fc7")


def test_other_errors_say_expected_and_given():
  features = features_of_two()
  with pytest.raises(ValueError, match="read-out 'cos'; expected one of cosine, centred, posterior"):
    retrieval.retrieval_table(features, "fc7", "cos")
  with pytest.raises(ValueError, match="photo has no layer 'fc9'; expected one of fc7, fc8"):
    retrieval.retrieval_table(features, "fc9")
  with pytest.raises(ValueError, match="no features; expected at least one modality"):
    retrieval.retrieval_table({}, "fc7")
  features["words"]["fc7"] = features["words"]["fc7"][:, :5]
  with pytest.raises(ValueError, match="fc7 of words has width 5, of photo 8; expected one width"):
    retrieval.retrieval_table(features, "fc7")
  features["words"]["label"] = features["words"]["label"][:4]
  with pytest.raises(ValueError, match=r"words fc7 have 10 examples and labels of shape \[4\]; expected \[10\]"):
    retrieval.retrieval_table(features, "fc7")


def test_errors_of_retrieval_and_recognition_say_expected_and_given():
  x, labels = np.ones((3, 4), np.float32), np.zeros(3, int)
  with pytest.raises(ValueError, match="queries have width 4, gallery 2; expected one width"):
    retrieval.retrieval(x, labels, x[:, :2], labels)
  with pytest.raises(ValueError, match="exclude_self with 3 queries and 2 gallery items"):
    retrieval.retrieval(x, labels, x[:2], labels[:2], exclude_self=True)
  with pytest.raises(ValueError, match=r"gallery have shape \[0, 4\]; expected \[N, D\] with N >= 1"):
    retrieval.retrieval(x, labels, x[:0], labels[:0])
  with pytest.raises(ValueError, match="labels from 0 to 4; expected 0 to 3"):
    retrieval.recognition(x, np.array([0, 1, 4]))
  with pytest.raises(ValueError, match=r"similarity \[1, 2\] and relevant \[1, 3\]; expected two blocks"):
    retrieval.average_precision(np.ones((1, 2)), np.ones((1, 3), bool))
  with pytest.raises(ValueError, match="similarity of query 1 is not finite"):
    retrieval.average_precision(np.array([[1.0, 2.0], [np.nan, 0.0]]), np.ones((2, 2), bool))
