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


def test_a_method_without_mixtures_reads_and_writes_nothing(tmp_path):
  assert mixtures.needed(config("bl_ind"), None, None, tmp_path / "reference") == {}
  assert not (tmp_path / "reference").exists()


def test_fits_the_training_activations_of_the_layers_and_keeps_them(reference, tmp_path):
  settings = config(mixture__layers=("fc6", "fc7"), mixture__covariance="tied")
  found = needed(reference, tmp_path, settings)
  assert list(found) == ["fc6", "fc7"]
  x = features.load(tmp_path / "features" / "train_fc7_20000")["description"]["fc7"]
  assert found["fc7"].examples == 14 and found["fc7"].mixture.mean.shape == (2, 16)
  np.testing.assert_allclose(np.asarray(gmm.log_prob(x, found["fc7"].mixture)).mean(),
                             found["fc7"].history[-1], rtol=1e-5)
  assert sorted(path.name for path in (tmp_path / "mixtures").glob("*.npz")) == [
    "fc6_k2_tied.npz", "fc7_k2_tied.npz"]
  again = mixtures.needed(settings, reference[0], reference[1]._replace(splits={}), tmp_path)
  np.testing.assert_array_equal(again["fc7"].mixture.mean, found["fc7"].mixture.mean)


def test_activations_that_are_not_stored_give_the_same_fit(reference, tmp_path):
  stored = needed(reference, tmp_path / "stored", config(mixture__examples=11))["fc7"]
  streamed = needed(reference, tmp_path / "streamed",
                    config(mixture__examples=11, mixture__stored=False))["fc7"]
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
  place = features.order(14).tolist().index(6)
  with pytest.raises(ValueError, match=rf"example {place} \(text/6\) is not finite; expected fin"):
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
