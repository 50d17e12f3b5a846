"""Statistics of read-outs, kept with their run."""

import numpy as np
import pytest

from cmx.evaluation import features
from cmx.evaluation import fitted
from cmx.evaluation import readouts
import made_vectors



@pytest.fixture(scope="module")
def kept(tmp_path_factory):
  run, folder = made_vectors.run(), tmp_path_factory.mktemp("run")
  return run, folder, fitted.statistics(run, made_vectors.DATASET, folder)


def test_statistics_are_of_training_examples_of_every_layer_compared(kept):
  run, folder, found = kept
  assert set(found) == {"fc7", "pool5", "fc6"}
  training = features.load(folder / "features" / "sampled_train")
  assert len(training["sound"]["label"]) == 17
  expected = readouts.fit(training, "fc6")
  assert set(found["fc6"]) == set(expected)
  for name, value in expected.items():
    np.testing.assert_array_equal(found["fc6"][name], value)


def test_they_are_read_where_they_are_on_disk(kept, monkeypatch):
  run, folder, found = kept
  monkeypatch.setattr(readouts, "fit", None)
  monkeypatch.setattr(features, "extract", None)
  again = fitted.statistics(run, made_vectors.DATASET, folder)
  np.testing.assert_array_equal(again["fc7"]["ridge/touch"], found["fc7"]["ridge/touch"])


def test_a_damaged_file_is_made_anew(kept):
  run, folder, found = kept
  file = folder / "readouts" / "fc7.npz"
  file.write_bytes(file.read_bytes()[:100])
  again = fitted.statistics(run, made_vectors.DATASET, folder)
  np.testing.assert_array_equal(again["fc7"]["mean/touch"], found["fc7"]["mean/touch"])


def test_those_of_other_weights_are_not_taken(kept):
  run, folder, _ = kept
  params = {**run.params, "fc7": {owner: {name: value + 1 for name, value in part.items()}
                                  for owner, part in run.params["fc7"].items()}}
  with pytest.raises(ValueError, match="holds other features.*\n.*weights"):
    fitted.statistics(run._replace(params=params), made_vectors.DATASET, folder)


def test_a_draw_of_training_examples_is_enough(kept, tmp_path, monkeypatch):
  monkeypatch.setattr(fitted, "EXAMPLES", 6)
  found = fitted.training(kept[0], made_vectors.DATASET, tmp_path)
  assert {len(part["label"]) for part in found.values()} == {6}
