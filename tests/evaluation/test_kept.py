"""What a run keeps of its activations, and that the rest is had again to the same bits."""

import shutil

import numpy as np
import pytest

from cmx import fields
from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.evaluation import features
from cmx.evaluation import kept
import made_vectors

EVERY = {"pool5", "fc6", "fc7", "fc8", "label"}


def layers(folder):
  """Layers on disk of a folder of features, by modality; equal for all of them."""
  found = {frozenset(part) for part in features.load(folder).values()}
  assert len(found) == 1
  return set(found.pop())


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
  """A run that is evaluated, its folder and its result."""
  run, folder = made_vectors.run(), tmp_path_factory.mktemp("run")
  return run, folder, evaluate.evaluate(run, made_vectors.DATASET, folder)


def test_the_main_layer_and_what_the_classifier_says_stay(evaluated):
  run, folder, result = evaluated
  assert {table["layer"] for table in result["tables"]} == EVERY - {"label"}
  assert kept.layers(run.config) == ["fc7", "fc8"]
  assert [path.name for path in (folder / "features").iterdir() if path.is_dir()] == ["validation"]
  assert layers(folder / "features" / "validation") == {"fc7", "fc8", "label"}


def test_all_stay_where_that_is_asked_for_and_what_stays_is_the_same(evaluated, tmp_path):
  run, folder, result = evaluated
  config = fields.replace(run.config, {"log.keep_optimizer": True})
  assert evaluate.evaluate(run._replace(config=config), made_vectors.DATASET, tmp_path) == result
  assert layers(tmp_path / "features" / "validation") == EVERY
  for name, part in features.load(folder / "features" / "validation").items():
    for layer, x in part.items():
      np.testing.assert_array_equal(
        x, features.load(tmp_path / "features" / "validation")[name][layer])


def test_every_layer_is_there_again_within_a_block_and_then_gone(evaluated, tmp_path):
  run, folder, _ = evaluated
  shutil.copytree(folder, tmp_path / "run")
  place = tmp_path / "run" / "features"
  before = features.load(place / "validation")["sound"]["fc7"].tolist()
  with kept.every_layer(run, made_vectors.DATASET, tmp_path / "run") as found:
    assert set(found["sound"]) == EVERY and found["sound"]["fc7"].tolist() == before
  assert [path.name for path in place.iterdir() if path.is_dir()] == ["validation"]
  assert layers(place / "validation") == {"fc7", "fc8", "label"}


def test_a_run_from_before_keeps_what_it_has_and_nothing_is_computed(evaluated, tmp_path,
                                                                     monkeypatch):
  run = evaluated[0]
  features.extract(run, made_vectors.DATASET, "validation", ["pool5", "fc6", "fc7", "fc8"],
                   tmp_path / "features" / "validation", batch=64)
  monkeypatch.setattr(features, "stream", None)
  with kept.every_layer(run, made_vectors.DATASET, tmp_path) as found:
    assert set(found["sound"]) == EVERY
  assert layers(tmp_path / "features" / "validation") == EVERY


def test_an_evaluation_that_was_killed_is_made_again(evaluated, tmp_path):
  run, folder, result = evaluated
  shutil.copytree(folder / "features", tmp_path / "features")  # without its result
  assert evaluate.evaluate(run, made_vectors.DATASET, tmp_path) == result
  assert layers(tmp_path / "features" / "validation") == {"fc7", "fc8", "label"}


def test_damaged_features_of_a_result_are_computed_again(evaluated, tmp_path):
  run, folder, result = evaluated
  shutil.copytree(folder, tmp_path / "run")
  place = tmp_path / "run" / "features" / "validation"
  whole = (place / "sound" / "fc7.npy").read_bytes()
  (place / "sound" / "fc7.npy").write_bytes(whole[:-1])
  assert evaluate.evaluate(run, made_vectors.DATASET, tmp_path / "run") == result
  assert (place / "sound" / "fc7.npy").read_bytes() == whole
  assert layers(place) == {"fc7", "fc8", "label"}


def test_another_layer_is_extracted_beside_when_it_is_asked_for(evaluated, tmp_path, monkeypatch):
  run, folder, _ = evaluated
  shutil.copytree(folder, tmp_path / "run")
  monkeypatch.setattr(opening, "open_data", lambda config: opening.Opened(
    made_vectors.DATASET, made_vectors.DATASET))
  monkeypatch.setattr(kept.checkpoint, "load_run", lambda folder: run)
  place = tmp_path / "run" / "features"
  found = kept.with_layer(run, tmp_path / "run", "fc6")
  assert set(found["sound"]) == {"fc6", "fc7", "fc8", "label"}
  assert kept.holding(tmp_path / "run", "validation", "fc6") == place / "validation_fc6"
  with kept.every_layer(run, made_vectors.DATASET, tmp_path / "run") as every:
    np.testing.assert_array_equal(found["touch"]["fc6"], every["touch"]["fc6"])
  assert set(kept.with_layer(run, tmp_path / "run", "fc9")["sound"]) == {"fc7", "fc8", "label"}
