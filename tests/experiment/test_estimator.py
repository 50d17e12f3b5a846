"""Alignment of arrays: the commands' results, scikit-learn's manner, mistakes answered."""

import pickle

import numpy as np
import pytest
from sklearn import base
from sklearn import exceptions

import tiny
from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx.data import opening
from cmx.evaluation import embedding
from cmx.experiment import estimator
from cmx.experiment import reproduce

FIELDS = {name: value for name, value in tiny.FIELDS.items() if not name.startswith("data.")}
NAMES = np.array(["bed", "chair", "door"])


def arrays(names=NAMES):
  """Two modalities of vectors around a point of each class; sound has no door."""
  rng = np.random.default_rng(0)
  made = {}
  for name, width, count, classes in (("photo", 6, 24, 3), ("sound", 4, 16, 2)):
    labels = rng.integers(0, classes, count)
    x = rng.normal(size=(count, width)) + 3 * np.eye(3, width)[labels]
    made[name] = x.astype(np.float32), names[labels]
  return made


@pytest.fixture(scope="module")
def fitted():
  return estimator.Alignment("c", fields=FIELDS).fit(arrays())


def test_the_same_vectors_in_files_give_the_same_network_to_the_bit(fitted, tmp_path):
  for name, (x, y) in arrays().items():
    (tmp_path / "mine" / name).mkdir(parents=True)
    for split in ("train", "validation"):
      np.savez(tmp_path / "mine" / name / f"{split}.npz", x=x, y=y)
  config = fields.replace(config_lib.Config(), FIELDS | {
    "method": "c", "data.name": "folders", "data.folders.path": str(tmp_path / "mine"),
    "data.root": str(tmp_path / "data")})
  data.prepare(config.data)  # as launch.train does
  run = reproduce.train_row(config, opening.open_data(config).encoded, tmp_path / "c",
                            tmp_path / "reference")
  assert run.modalities == fitted.run_.network.modalities and run.classes == tuple(fitted.classes_)
  for name, (x, _) in arrays().items():
    np.testing.assert_array_equal(fitted.transform({name: x})[name],
                                  embedding.embed(run, name, x))


def test_results_are_arrays_of_one_width_and_names_are_said(fitted):
  found = fitted.transform({name: x for name, (x, _) in arrays().items()})
  assert {name: x.shape for name, x in found.items()} == {"photo": (24, 16), "sound": (16, 16)}
  assert fitted.modalities_ == ["photo", "sound"] and list(fitted.classes_) == list(NAMES)
  assert "in memory" in repr(fitted.run_)


def test_parameters_are_those_of_scikit_learn(fitted):
  given = estimator.Alignment("bl_ind", fields={"optimizer.steps": 7}, random_state=3)
  assert given.get_params() == {"method": "bl_ind", "reference": "", "layer": "fc7",
                                "fields": {"optimizer.steps": 7}, "random_state": 3}
  copy = base.clone(given).set_params(layer="fc6")
  assert copy.layer == "fc6" and copy.fields == given.fields and given.layer == "fc7"
  assert not hasattr(base.clone(fitted), "run_")
  with pytest.raises(ValueError, match="Invalid parameter 'steps'"):
    given.set_params(steps=3)


def test_it_may_be_pickled(fitted):
  x = arrays()["sound"][0]
  again = pickle.loads(pickle.dumps(fitted)).transform({"sound": x})["sound"]
  np.testing.assert_array_equal(again, fitted.transform({"sound": x})["sound"])


@pytest.fixture
def untrained(monkeypatch):
  """What would be trained: {"config", "dataset"} of the last call, instead of training."""
  seen = {}

  def remember(config, dataset, *folders):
    seen.update(config=config, dataset=dataset)

    class Run:
      modalities = dataset.modalities
    return Run()

  monkeypatch.setattr(reproduce, "train_row", remember)
  return seen


def test_numbers_may_be_labels_and_stand_in_the_order_of_files(untrained):
  given = arrays(np.array([10, 9, 2]))
  made = estimator.Alignment(fields=FIELDS).fit(given)
  assert made.classes_.tolist() == [10, 2, 9] and made.classes_.dtype.kind == "i"
  assert untrained["dataset"].classes == ("10", "2", "9")
  labels = untrained["dataset"].splits["train"]["photo"].labels
  assert [made.classes_[label] for label in labels] == list(given["photo"][1])


@pytest.mark.parametrize("given, seed", [(5, 5), (np.int64(6), 6)])
def test_a_whole_number_is_the_seed(untrained, given, seed):
  estimator.Alignment(fields=FIELDS, random_state=given).fit(arrays())
  assert untrained["config"].seed == seed


def test_a_generator_or_nothing_draws_the_seed(untrained):
  seeds = []
  for state in (np.random.RandomState(0), np.random.RandomState(0), None, None):
    estimator.Alignment(fields=FIELDS, random_state=state).fit(arrays())
    seeds.append(untrained["config"].seed)
  assert seeds[0] == seeds[1] and len(set(seeds)) == 3


def test_texts_and_pictures_are_fitted_too(untrained):
  texts = [f"a {name}" for name in NAMES] * 2
  pictures = np.zeros((6, 8, 4, 3), np.uint8)
  estimator.Alignment(fields=FIELDS | {"data.folders.image_size": 32}).fit(
    {"caption": (texts, [0, 1, 2] * 2), "photo": (pictures, [0, 1, 2] * 2)})
  rows = untrained["dataset"].modalities
  assert [(row.name, row.kind, row.shape) for row in rows] == [
    ("photo", "pixels", (32, 32, 3)), ("caption", "text", (512,))]
  assert untrained["dataset"].splits["train"]["photo"].inputs.dtype == np.uint8


def test_the_reference_may_be_named(untrained):
  estimator.Alignment(reference="sound", fields=FIELDS).fit(arrays())
  assert [row.name for row in untrained["dataset"].modalities] == ["sound", "photo"]


X, Y = np.zeros((3, 2)), np.array(["a", "b", "a"])


@pytest.mark.parametrize("given, message", [
  ([X, X], "list; expected {modality: "),
  ({"photo": (X, Y)}, r"1 modalities \(photo\); expected 2 or more"),
  ({}, r"0 modalities \(none\); expected 2 or more"),
  ({"photo": X, "sound": (X, Y)}, r"'photo' is ndarray; expected \(examples, labels\)"),
  ({"photo": (X, Y), 3: (X, Y)}, "modality 3; expected a name"),
  ({"photo": (X, Y), "a/b": (X, Y)}, "modality 'a/b'; expected letters"),
  ({"NAT": (X, Y), "natural": (X, Y)}, "modality 'natural' is there twice"),
  ({"photo": (X, Y), "sound": (X, Y[:2])}, "'sound' has 3 examples and 2 labels"),
  ({"photo": (X, Y), "sound": (X[:0], Y[:0])}, "'sound' has 0 examples and 0 labels"),
  ({"photo": (X, Y), "sound": (X, np.array(["c", "d", "c"]))},
   "modality 'photo' shares no class with the others: its labels are a, b; theirs c, d"),
  ({"photo": (X, ["a"] * 3), "sound": (X, ["a"] * 3)}, "1 class; expected 2 or more"),
  ({"photo": (X, [0.0, 1.0, np.nan]), "sound": (X, Y)}, "labels of modality 'photo' are float64"),
  ({"photo": (X, ["a", "", "b"]), "sound": (X, Y)}, "labels of modality 'photo': no class"),
  ({"photo": (X, Y), "sound": (np.array([[1, 2], [np.nan, 1], [1, 1]]), Y)},
   "input 1 of modality 'sound': .* not finite"),
  ({"photo": (X, Y), "sound": ([[1.0], [1.0, 2.0], [1.0]], Y)}, "different lengths"),
  ({"photo": (X, Y), "sound": (["a", 3, "b"], Y)}, "'sound' is text; expected strings, got int"),
  ({"photo": (X, Y), "sound": ("abc", Y)}, "examples of modality 'sound' are str")])
def test_arrays_that_cannot_be_aligned_are_refused(untrained, given, message):
  with pytest.raises(ValueError, match=message):
    estimator.Alignment(fields=FIELDS).fit(given)
  assert not untrained


@pytest.mark.parametrize("options, message", [
  ({"method": "bl_nd"}, "method 'bl_nd'; expected one of"),
  ({"method": "reference"}, "'reference' is the reference network"),
  ({"reference": "smell"}, "reference 'smell'; expected one of photo, sound"),
  ({"fields": {"optimizer.setps": 3}}, "setps"),
  ({"fields": {"seed": 3}}, "fields has 'seed'; expected it as an argument"),
  ({"fields": {"augment.word_dropout": 0.1}}, "word_dropout"),
  ({"random_state": "x"}, "'x' cannot be used to seed")])
def test_settings_that_do_not_fit_are_refused(untrained, options, message):
  with pytest.raises(ValueError, match=message):
    estimator.Alignment(**options).fit(arrays())
  assert not untrained


@pytest.mark.parametrize("copies, components", [(1, 1), (9, 2), (20, 4), (140, 32)])
def test_components_are_as_many_as_examples_allow_where_none_are_asked_for(untrained, copies,
                                                                           components):
  given = {name: (np.concatenate([x] * copies), np.concatenate([y] * copies))
           for name, (x, y) in arrays().items()}  # 24 examples of the reference a copy
  estimator.Alignment().fit(given)
  assert untrained["config"].mixture.components == components
  estimator.Alignment(fields={"mixture.components": 3}).fit(given)
  assert untrained["config"].mixture.components == 3


def test_more_components_than_examples_are_refused_before_training():
  with pytest.raises(ValueError, match="mixture.components 32; expected 24 at most"):
    estimator.Alignment(fields={**FIELDS, "mixture.components": 32}).fit(arrays())


def test_what_was_not_fitted_is_not_transformed(fitted):
  with pytest.raises(exceptions.NotFittedError):
    estimator.Alignment().transform({"photo": X})
  with pytest.raises(ValueError, match="no modality 'smell'; expected one of photo, sound"):
    fitted.transform({"smell": X})
  with pytest.raises(ValueError, match=r"shape \[2\]; expected \[6\] for modality 'photo'"):
    fitted.transform({"photo": X})
  with pytest.raises(ValueError, match="ndarray; expected {modality: examples}"):
    fitted.transform(X)
