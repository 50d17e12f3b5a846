"""Read-outs: each against a slow or another library's way, and one example at a time."""

import numpy as np
import pytest
from scipy import linalg
from scipy import special
from sklearn import covariance
from sklearn import linear_model

from cmx.evaluation import readouts

CLASSES = 6


def part(seed, count, width, offset=0.0, layers=("fc7",)):
  """Examples around class centres that all seeds of a width share."""
  rng = np.random.default_rng(seed)
  labels = rng.permutation(np.arange(count) % CLASSES)
  centres = np.random.default_rng(width).normal(size=(CLASSES, width))
  x = centres[labels] + 0.5 * rng.normal(size=(count, width)) + offset
  return {**{layer: x.astype(np.float32) for layer in layers}, "label": labels}


TRAINING = {"a": part(1, 90, 8), "b": part(2, 60, 8, 3.0)}
FITS = readouts.fit(TRAINING, "fc7")
NEW = {"a": part(3, 20, 8), "b": part(4, 30, 8, 3.0)}


def scores(name, query="a", gallery="b", fits=FITS):
  ours, theirs = (readouts.apply(name, fits, m, NEW[m]["fc7"]) for m in (query, gallery))
  ours, theirs = readouts.named(name).score(fits, query, ours, gallery, theirs)
  return ours @ theirs.T


@pytest.mark.parametrize("name", readouts.READOUTS)
def test_an_example_is_read_alone_as_among_others(name):
  x = NEW["b"]["fc7"]
  whole = readouts.apply(name, FITS, "b", x)
  alone = np.concatenate([readouts.apply(name, FITS, "b", row[None]) for row in x])
  np.testing.assert_allclose(alone, whole, atol=1e-6)
  every = scores(name)
  query = readouts.apply(name, FITS, "a", NEW["a"]["fc7"][3:4])
  some = readouts.named(name).score(FITS, "a", query, "b", whole[7:8])
  np.testing.assert_allclose(some[0] @ some[1].T, every[3:4, 7:8], atol=1e-5)


@pytest.mark.parametrize("name", readouts.READOUTS)
def test_large_galleries_are_worked_on_in_pieces(name, monkeypatch):
  whole = scores(name)
  monkeypatch.setattr(readouts, "_ENTRIES", 60)  # 7 rows of 8, or one of a bank
  np.testing.assert_allclose(scores(name), whole, atol=1e-6)


def test_centring_takes_away_the_training_mean():
  expected = readouts.unit(NEW["b"]["fc7"] - TRAINING["b"]["fc7"].mean(axis=0))
  np.testing.assert_allclose(readouts.apply("centred", FITS, "b", NEW["b"]["fc7"]), expected,
                             atol=1e-6)


def test_whitening_is_by_the_covariance_of_ledoit_and_wolf():
  x = TRAINING["b"]["fc7"].astype(np.float64)
  root = linalg.sqrtm(linalg.inv(covariance.LedoitWolf().fit(x).covariance_))
  expected = readouts.unit((NEW["b"]["fc7"] - x.mean(axis=0)) @ root)
  np.testing.assert_allclose(readouts.apply("whitened", FITS, "b", NEW["b"]["fc7"]), expected,
                             atol=1e-5)


def test_activations_that_are_all_one_are_whitened_to_nothing():
  dead = {"a": {"fc7": np.ones((4, 3), np.float32), "label": np.array([0, 1, 0, 1])}}
  fits = readouts.fit(dead, "fc7")
  assert not readouts.apply("whitened", fits, "a", dead["a"]["fc7"]).any()


def test_the_posterior_is_the_cosine_of_softmax():
  logits = np.log(np.array([[0.6, 0.3, 0.1]], np.float32))
  x, y = (readouts.apply("posterior", {}, m, z) for m, z in (("a", logits),
                                                            ("b", 1000 + logits[:, ::-1])))
  np.testing.assert_allclose(x @ y.T, [[(0.06 + 0.09 + 0.06) / 0.46]], rtol=1e-4)


def means_and_codes(name):
  own = TRAINING[name]
  means = np.stack([own["fc7"][own["label"] == c].mean(axis=0, dtype=np.float64)
                    for c in range(CLASSES)])
  return means.mean(axis=0), means - means.mean(axis=0), np.eye(CLASSES) - 1 / CLASSES


def test_the_ridge_map_is_that_of_scikit_learn():
  centre, means, codes = means_and_codes("b")
  penalty = readouts.RIDGE * np.mean(np.sum(means ** 2, axis=1))
  model = linear_model.Ridge(alpha=penalty, fit_intercept=False).fit(means, codes)
  expected = readouts.unit(model.predict(NEW["b"]["fc7"] - centre))
  np.testing.assert_allclose(readouts.apply("ridge", FITS, "b", NEW["b"]["fc7"]), expected,
                             atol=1e-5)


def test_the_procrustes_map_is_that_of_scipy_where_class_means_lie():
  centre, means, codes = means_and_codes("b")
  square = np.pad(codes, ((0, 0), (0, 8 - CLASSES)))  # scipy's maps between equal widths
  rotation, _ = linalg.orthogonal_procrustes(means, square)
  left, _, _ = np.linalg.svd(means.T, full_matrices=False)
  plane = left[:, :CLASSES - 1] @ left[:, :CLASSES - 1].T  # of the class means
  expected = readouts.unit((NEW["b"]["fc7"] - centre) @ plane @ rotation)[:, :CLASSES]
  np.testing.assert_allclose(readouts.apply("procrustes", FITS, "b", NEW["b"]["fc7"]), expected,
                             atol=1e-5)


def test_a_class_that_a_modality_lacks_leaves_the_codes_of_others():
  there = TRAINING["b"]["label"] != 2
  fits = readouts.fit({"a": TRAINING["a"], "b": {key: value[there] for key, value
                                                 in TRAINING["b"].items()}}, "fc7")
  codes = readouts.apply("ridge", fits, "b", NEW["b"]["fc7"])
  assert codes.shape == (30, CLASSES)
  right = codes.argmax(axis=1) == NEW["b"]["label"]
  assert right[NEW["b"]["label"] != 2].mean() > 0.9 and not right[NEW["b"]["label"] == 2].any()


def test_csls_is_its_formula():
  cosine, near = scores("cosine"), {}
  for query, bank in (("a", "b"), ("b", "a")):
    own = readouts.unit(NEW[query]["fc7"]) @ readouts.unit(TRAINING[bank]["fc7"]).T
    near[query] = np.sort(own, axis=1)[:, -readouts.NEAREST:].mean(axis=1)
  np.testing.assert_allclose(scores("csls"), 2 * cosine - near["a"][:, None] - near["b"],
                             atol=1e-5)


def test_the_query_bank_ranks_as_the_softmax_over_its_queries():
  cosine = scores("cosine")
  bank = readouts.unit(TRAINING["a"]["fc7"]) @ readouts.unit(NEW["b"]["fc7"]).T
  share = np.exp(20 * cosine) / np.exp(20 * bank).sum(axis=0)
  np.testing.assert_allclose(scores("query_bank"), np.log(share) / 20, atol=1e-5)
  assert special.logsumexp(20 * bank, axis=0).max() < 88  # nothing overflows in float32


def test_maps_and_posterior_bear_other_widths_and_say_who_does_not():
  other = {"a": part(1, 60, 8), "b": part(2, 60, 5)}
  fits = readouts.fit(other, "fc7")
  why = {name: readouts.obstacle(name, other, "fc7", fits) for name in readouts.READOUTS}
  assert {name for name, reason in why.items() if not reason} == {"ridge", "procrustes"}
  assert why["cosine"] == "widths differ: a 8, b 5" and "fc8" in why["posterior"]
  x, y = (readouts.apply("ridge", fits, name, own["fc7"]) for name, own in other.items())
  near = (x @ y.T).argmax(axis=1)
  assert (other["b"]["label"][near] == other["a"]["label"]).mean() > 0.9


def test_what_lacks_training_examples_says_so():
  assert readouts.obstacle("cosine", NEW, "fc7", {}) == ""
  assert "training examples" in readouts.obstacle("csls", NEW, "fc7", {})
  with pytest.raises(ValueError, match="'whitened' needs statistics of training examples of 'a'"):
    readouts.apply("whitened", {}, "a", NEW["a"]["fc7"])


def test_no_covariance_is_fitted_of_wide_layers(monkeypatch):
  monkeypatch.setattr(readouts, "WIDEST", 7)
  fits = readouts.fit(TRAINING, "fc7")
  assert "whitening/a" not in fits and "mean/a" in fits
  assert readouts.obstacle("whitened", NEW, "fc7", fits) == "no covariance is fitted above width 7"


def test_mistakes_say_expected_and_given():
  with pytest.raises(ValueError, match="read-out 'cos'; expected one of cosine, centred"):
    readouts.named("cos")
  with pytest.raises(ValueError, match="of b have width 5, its statistics 8"):
    readouts.apply("centred", FITS, "b", np.ones((2, 5), np.float32))
  one = {"a": {"fc7": np.ones((3, 2)), "label": np.zeros(3, int)}}
  with pytest.raises(ValueError, match="a has 3 training examples of 1 class"):
    readouts.fit(one, "fc7")
