import numpy as np
import pytest

from cmx.evaluation import ranking
from cmx.evaluation import readouts
from cmx.evaluation import retrieval


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
  x, y = (readouts.unit(features[m]["fc7"]) for m in "ab")
  expected = ranking.retrieval(x, features["a"]["label"], y, features["b"]["label"]).mean()
  assert table.modalities == ("a", "b")
  assert table.mean[0, 1] == expected and table.mean[1, 0] != expected
  np.testing.assert_array_equal(table.gallery, [[29, 45], [30, 44]])
  np.testing.assert_array_equal(table.queries, [[30, 30], [45, 45]])
  np.testing.assert_array_equal(table.relevant, [[[5, 5], [9, 9]], [[6, 6], [8, 8]]])
  np.testing.assert_allclose(table.chance, ranking.chance([[5, 9], [6, 8]], [[29, 45], [30, 44]]))


def test_table_counts_rare_classes_by_their_own_chance_and_leaves_out_absent_ones():
  eye = np.eye(3, dtype=np.float32)
  features = {"a": {"fc7": eye[[0, 0, 0, 1, 2]], "label": np.array([0, 0, 0, 1, 2])},
              "b": {"fc7": eye[[1, 0, 0]], "label": np.array([0, 0, 1])}}
  table = retrieval.retrieval_table(features, "fc7")
  # class 0 sees (0, 1, 1): its items 0, 1 at ranks 3, 1; class 1 sees (1, 0, 0): its item 2 last
  zero, one = (1 / 1 + 2 / 3) / 2, 1 / 3
  np.testing.assert_allclose(table.mean[0, 1], (3 * zero + one) / 4)
  np.testing.assert_allclose(table.balanced[0, 1], (zero + one) / 2)
  expected = ranking.chance([2, 1], 3)
  np.testing.assert_allclose(table.chance[0, 1], (3 * expected[0] + expected[1]) / 4)
  np.testing.assert_allclose(table.balanced_chance[0, 1], expected.mean())
  assert table.queries[0, 1] == 4 and table.relevant[0, 1].tolist() == [1, 2]


def test_the_precision_of_every_query_is_kept():
  features = world(7, {"a": 30, "b": 45}, noise=2.0)
  features["b"]["label"][features["b"]["label"] == 4] = 0  # queries of class 4 have nothing to find
  table = retrieval.retrieval_table(features, "fc7")
  assert list(table.precision) == [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
  x, y = (readouts.unit(features[m]["fc7"]) for m in "ab")
  one = table.precision["a", "b"]
  np.testing.assert_array_equal(np.isnan(one), features["a"]["label"] == 4)
  assert np.nanmean(one) == pytest.approx(table.mean[0, 1])
  query = int(np.flatnonzero(features["a"]["label"] == 2)[0])
  ranked = features["b"]["label"][np.argsort(-(y @ x[query]), kind="stable")] == 2
  expected = np.mean((np.cumsum(ranked) / np.arange(1, 46))[ranked])
  assert one[query] == pytest.approx(expected)
  assert table.precision["a", "a"].shape == (30,) and table.precision["b", "a"].shape == (45,)


def test_a_cell_without_common_classes_is_nan():
  x = np.ones((2, 3), np.float32)
  table = retrieval.retrieval_table({"a": {"fc7": x, "label": np.array([0, 0])},
                                     "b": {"fc7": x, "label": np.array([1, 1])}}, "fc7")
  assert np.isnan(table.mean[0, 1]) and np.isnan(table.chance[0, 1]) and table.queries[0, 1] == 0
  assert table.mean[0, 0] == 1.0


def test_a_read_out_compares_the_layer_that_it_reads():
  features = world(8, {"a": 20, "b": 20})
  assert retrieval.retrieval_table(features, "fc7", "posterior").layer == "fc8"
  found = retrieval.vectors(features, "fc7", "posterior")
  powers = np.exp(features["a"]["fc8"])
  np.testing.assert_allclose(
    found.x["a"], readouts.unit(powers / powers.sum(axis=1, keepdims=True)), atol=1e-6)


def test_statistics_are_those_of_other_examples():
  features, training = world(8, {"a": 50, "b": 50}, noise=0.3), world(9, {"a": 40, "b": 40})
  for name, offset in (("a", 0.0), ("b", 10.0)):
    for part in (features, training):
      part[name]["fc7"] = part[name]["fc7"] + offset * np.eye(8, dtype=np.float32)[0]
  fits = readouts.fit(training, "fc7")
  table = retrieval.retrieval_table(features, "fc7", "centred", fits)
  x, y = (readouts.unit(features[m]["fc7"] - training[m]["fc7"].mean(axis=0)) for m in "ab")
  expected = ranking.retrieval(x, features["a"]["label"], y, features["b"]["label"]).mean()
  assert table.mean[0, 1] == pytest.approx(expected, abs=1e-3)  # rounding may swap neighbours
  assert retrieval.retrieval_table(features, "fc7").mean[0, 1] < table.mean[0, 1] - 0.05
  with pytest.raises(ValueError, match="'centred' needs statistics of training examples of 'a'"):
    retrieval.retrieval_table(features, "fc7", "centred")


def test_unit_survives_zeros_and_extreme_sizes():
  x = readouts.unit(np.array([[0, 0], [3e30, 4e30], [3e-30, 4e-30]], np.float32))
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
  with pytest.raises(ValueError, match="read-out 'cos'; expected one of cosine, centred, white"):
    retrieval.retrieval_table(features, "fc7", "cos")
  with pytest.raises(ValueError, match="photo has no layer 'fc9'; expected one of fc7, fc8"):
    retrieval.retrieval_table(features, "fc9")
  with pytest.raises(ValueError, match="no features; expected at least one modality"):
    retrieval.retrieval_table({}, "fc7")
  features["words"]["fc7"] = features["words"]["fc7"][:, :5]
  with pytest.raises(ValueError, match="fc7 of words has width 5, of photo 8; expected one width"):
    retrieval.retrieval_table(features, "fc7")
  features["words"]["label"] = features["words"]["label"][:4]
  with pytest.raises(ValueError, match=r"words fc7 have 10 examples and labels of shape \[4\]"):
    retrieval.retrieval_table(features, "fc7")
  with pytest.raises(ValueError, match="labels from 0 to 4; expected 0 to 3, the classes"):
    retrieval.recognition(np.ones((3, 4)), np.array([0, 1, 4]))


def test_constant_features_are_at_chance_where_gallery_order_ignores_the_class():
  labels = np.repeat(np.arange(24), 20)
  orders = {"sorted": np.arange(480), "mixed": np.random.default_rng(10).permutation(480)}
  means = {}
  for name, order in orders.items():
    constant = {"fc7": np.zeros((480, 4)), "label": labels[order]}
    table = retrieval.retrieval_table({"a": constant, "b": constant}, "fc7")
    means[name] = table.mean[0, 1]
  assert table.chance[0, 1] == pytest.approx(0.0532, abs=1e-4)
  assert means["mixed"] == pytest.approx(0.0532, abs=0.003)
  assert means["sorted"] > 0.1  # why `retrieval_table` asks for an order without classes
