"""Mixtures of a reference network: what is fitted, on which activations, and what is refused."""

import jax
import numpy as np
import pytest

import tiny
from cmx import config as config_lib
from cmx import data
from cmx import fields as fields_lib
from cmx import methods
from cmx import modalities
from cmx.evaluation import features
from cmx.experiment import mixtures
from cmx.mixture import gmm

CLASSES = ("a", "b")


class Vectors:
  """A source [14] of encoded descriptions."""

  def __init__(self, modality):
    self.labels = (np.arange(14) % 2).astype(np.int32)
    self._shape = modality.shape

  def __len__(self):
    return 14

  def __getitem__(self, index):
    x = np.random.default_rng(int(index)).normal(size=self._shape).astype(np.float32)
    return {"input": x, "label": int(self.labels[index]), "key": f"text/{index}"}


@pytest.fixture(scope="module")
def reference():
  """A reference network of random parameters, and its data: one modality of vectors."""
  row = modalities.DESCRIPTION._replace(shape=(6,))
  run = tiny.untrained((row,), "reference", CLASSES)
  dataset = data.Dataset("vectors", CLASSES, (row,), {
    split: {row.name: Vectors(row)} for split in (data.TRAIN, data.VALIDATION)}, "f1f2")
  return run, dataset


def config(method="c", **changes):
  fields = {"mixture.layers": ("fc7",), "mixture.iterations": 3, "evaluation.batch": 8}
  return fields_lib.replace(config_lib.Config(), tiny.FIELDS | fields | {"method": method} | {
    name.replace("__", "."): value for name, value in changes.items()})


def needed(reference, folder, settings):
  return mixtures.needed(settings, *reference, folder)


@pytest.mark.parametrize("method, components", [("bl_ind", None), ("b_gaussian", 1), ("c", 5)])
def test_a_method_says_how_many_components_it_needs(method, components):
  assert methods.components_of(config(method, mixture__components=5)) == components


def test_few_examples_a_component_are_warned_of_before_the_fit(reference, tmp_path, monkeypatch):
  said = []
  monkeypatch.setattr(mixtures.logging, "warning", lambda form, *words: said.append(form % words))
  for method in ("c", "c", "b_gaussian"):  # the second reads the fit, the third has one component
    needed(reference, tmp_path, config(method))
  assert said == ["mixture of fc7: 14 examples for K = 2 components, fewer than 20 each: a smaller "
                  f"mixture may well be better; launch.ladder --reference={tmp_path} tries some"]


def test_a_method_without_mixtures_reads_and_writes_nothing(tmp_path):
  assert mixtures.needed(config("bl_ind"), None, None, tmp_path / "reference") == {}
  assert not (tmp_path / "reference").exists()


def test_fits_the_training_activations_of_the_layers_and_keeps_them(reference, tmp_path):
  settings = config(mixture__layers=("fc6", "fc7"), mixture__covariance="tied")
  found = needed(reference, tmp_path, settings)
  assert list(found) == ["fc6", "fc7"]
  x = features.load(tmp_path / "features" / "train_fc7_20000")["description"]["fc7"]
  assert found["fc7"].fit.examples == 14 and found["fc7"].fit.mixture.mean.shape == (2, 16)
  np.testing.assert_allclose(np.asarray(gmm.log_prob(x, found["fc7"].fit.mixture)).mean(),
                             found["fc7"].fit.history[-1], rtol=1e-5)
  assert sorted(path.name for path in (tmp_path / "mixtures").glob("*.npz")) == [
    "fc6_k2_tied.npz", "fc7_k2_tied.npz"]
  again = mixtures.needed(settings, reference[0], reference[1]._replace(splits={}), tmp_path)
  np.testing.assert_array_equal(again["fc7"].fit.mixture.mean, found["fc7"].fit.mixture.mean)
  assert found["fc7"].statistics.share is None


def test_activations_that_are_not_stored_give_the_same_fit(reference, tmp_path):
  stored = needed(reference, tmp_path / "stored", config(mixture__examples=11))["fc7"].fit
  streamed = needed(reference, tmp_path / "streamed",
                    config(mixture__examples=11, mixture__stored=False))["fc7"].fit
  assert streamed.examples == 11 and not (tmp_path / "streamed" / "features").exists()
  assert streamed.history == stored.history
  for ours, theirs in zip(jax.tree.leaves(streamed.mixture), jax.tree.leaves(stored.mixture)):
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("stored", [True, False])
def test_an_example_whose_activations_are_not_finite_is_named(reference, tmp_path, stored):
  run, dataset = reference

  class Broken(Vectors):
    def __getitem__(self, index):
      example = super().__getitem__(index)
      return example | {"input": example["input"] * (np.nan if index == 6 else 1)}

  row = run.modalities[0]
  broken = dataset._replace(splits={data.TRAIN: {row.name: Broken(row)}})
  with pytest.raises(FloatingPointError, match="fc7 is not finite for text/6"):
    needed((run, broken), tmp_path, config(mixture__stored=stored))
  assert not list((tmp_path / "mixtures").glob("*.npz"))


def test_refusals_leave_nothing_behind(reference, tmp_path):
  run, dataset = reference
  with pytest.raises(ValueError, match="14 examples for 15 components; expected at least as many"):
    needed(reference, tmp_path, config(mixture__components=15))
  with pytest.raises(ValueError, match="covariance 'full' with 2 components; expected 1"):
    needed(reference, tmp_path, config(mixture__covariance="full"))
  with pytest.raises(ValueError, match=r"has classes 1 \(z, ...\); the run was trained on 2"):
    needed((run, dataset._replace(classes=("z",))), tmp_path, config(mixture__stored=False))
  assert not list((tmp_path / "mixtures").glob("*.npz"))


@pytest.mark.parametrize("change", ["settings", "weights", "data"])
def test_a_fit_of_something_else_is_refused_with_the_difference(reference, tmp_path, change):
  run, dataset = reference
  needed(reference, tmp_path, config())
  settings = config(mixture__tolerance=0.5 if change == "settings" else 1e-3)
  if change == "weights":
    run = run._replace(params=jax.tree.map(lambda x: x + 1, run.params))
  if change == "data":
    dataset = dataset._replace(fingerprint="e1e2")
  words = {"settings": r"tolerance: 0.5 \| 0.001", "weights": r"weights: \w+ \| \w+",
           "data": r"data: e1e2 \| f1f2"}
  with pytest.raises(ValueError, match=f"of other settings .*\n  {words[change]}\nRemove it"):
    needed((run, dataset), tmp_path, settings)


def test_every_layer_has_starts_of_its_own(reference):
  run = reference[0]
  keys = [jax.random.key_data(mixtures.layer_key(run, layer)).tolist() for layer in ("fc6", "fc7")]
  assert keys[0] != keys[1]
  assert keys[0] == jax.random.key_data(mixtures.layer_key(run, "fc6")).tolist()


def shares_by_hand(x, labels, mixture, count):
  joint = np.asarray(gmm.log_joint(x, mixture), np.float64)
  each = np.exp(joint - joint.max(1, keepdims=True))
  each /= each.sum(1, keepdims=True)
  return np.stack([each[labels == label].mean(0) for label in range(count)])


def test_a_row_by_class_is_given_the_components_that_each_class_owns(reference, tmp_path):
  settings = config("class_gmm", mixture__least_share=0.45)
  plain = needed(reference, tmp_path, config("c"))["fc7"]
  found = needed(reference, tmp_path, settings)["fc7"]
  np.testing.assert_array_equal(found.fit.mixture.mean, plain.fit.mixture.mean)  # the same fit
  part = features.load(tmp_path / "features" / "train_fc7_20000")["description"]
  expected = shares_by_hand(part["fc7"], part["label"], found.fit.mixture, 2)
  share = np.where(expected >= 0.45, expected, 0)
  np.testing.assert_allclose(found.statistics.share, share / share.sum(1, keepdims=True), atol=1e-5)
  assert sorted(path.name for path in (tmp_path / "mixtures").glob("*.npz")) == [
    "fc7_k2_diagonal.npz", "fc7_k2_diagonal_shares.npz"]
  closed = reference[0], reference[1]._replace(splits={data.TRAIN: {}})
  other = mixtures.needed(config("class_gmm", mixture__least_share=1.0), *closed, tmp_path)
  assert set(np.ravel(other["fc7"].statistics.share)) == {0, 1}  # another threshold, no pass


def test_a_fit_from_before_there_were_shares_is_opened_and_gets_them(reference, tmp_path):
  needed(reference, tmp_path, config("c"))
  path = tmp_path / "mixtures" / "fc7_k2_diagonal.npz"
  before = path.read_bytes()
  assert needed(reference, tmp_path, config("class_gmm"))["fc7"].statistics.share.shape == (2, 2)
  assert path.read_bytes() == before


@pytest.mark.parametrize("stored", [True, False])
def test_a_mixture_fitted_class_by_class_has_components_that_name_classes(reference, tmp_path,
                                                                         stored):
  settings = config("class_own", mixture__per_class=2, mixture__stored=stored)
  found = needed(reference, tmp_path, settings)["fc7"]
  assert found.fit.mixture.mean.shape == (4, 16) and found.fit.mixture.variance.shape == (1, 16)
  np.testing.assert_array_equal(found.statistics.share > 0, [[1, 1, 0, 0], [0, 0, 1, 1]])
  assert [path.name for path in (tmp_path / "mixtures").glob("*.npz")] == ["fc7_k2_each_class.npz"]
  closed = reference[0], reference[1]._replace(splits={data.TRAIN: {}})
  again = mixtures.needed(settings, *closed, tmp_path)["fc7"]
  jax.tree.map(np.testing.assert_array_equal, again.statistics, found.statistics)


def test_one_component_a_class_is_the_mean_of_its_activations(reference, tmp_path):
  found = needed(reference, tmp_path, config("class_mean"))["fc7"].fit.mixture
  needed(reference, tmp_path / "stored", config("c"))
  part = features.load(tmp_path / "features" / "train_fc7_20000")["description"]
  for label in range(2):
    np.testing.assert_allclose(found.mean[label], part["fc7"][part["label"] == label].mean(0),
                               rtol=1e-4, atol=1e-5)


def test_a_fit_by_class_of_something_else_is_refused(reference, tmp_path):
  for row, field in (("class_own", "restarts"), ("class_gmm", "tolerance")):
    needed(reference, tmp_path, config(row))
    with pytest.raises(ValueError, match=f"of other settings .*\n  {field}: 2"):
      needed(reference, tmp_path, config(row, **{f"mixture__{field}": 2}))


class Lopsided(Vectors):
  """The same source with examples of the first class alone."""

  def __init__(self, modality):
    super().__init__(modality)
    self.labels = np.zeros(14, np.int32)


@pytest.mark.parametrize("row, components", [("class_own", 1), ("class_gmm", 2)])
def test_a_class_that_the_reference_does_not_show_may_use_all_and_is_named(reference, tmp_path,
                                                                          caplog, row, components):
  run, dataset = reference
  (modality,) = run.modalities
  splits = {data.TRAIN: {modality.name: Lopsided(modality), "sound": Vectors(modality)}}
  found = needed((run, dataset._replace(splits=splits)), tmp_path, config(row))["fc7"].statistics
  assert found.share.shape == (2, components)
  np.testing.assert_allclose(found.share[1], found.mixture.weight, rtol=1e-6)
  (said,) = caplog.messages[-1:]
  assert "1 classes have no training example of description" in said and said.endswith(": b")


def test_a_class_that_nobody_shows_is_not_worth_a_word(reference, tmp_path, caplog):
  run, dataset = reference
  (modality,) = run.modalities
  splits = {data.TRAIN: {modality.name: Lopsided(modality)}}
  needed((run, dataset._replace(splits=splits)), tmp_path, config("class_own"))
  assert not any("no training example" in said for said in caplog.messages)
