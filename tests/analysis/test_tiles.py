import numpy as np
import pytest

import small_experiment
from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx.analysis import tiles
from cmx.evaluation import examples as examples_lib

CONFIG = config_lib.Config()


@pytest.fixture
def folder(tmp_path, monkeypatch):
  monkeypatch.setattr(data, "load", lambda config: small_experiment.dataset())
  small_experiment.write_features(tmp_path / "features", small_experiment.dataset())
  return tmp_path / "features"


def test_every_row_finds_the_example_that_its_key_names(folder):
  examples = examples_lib.open_examples(CONFIG, small_experiment.CLASSES, folder)
  for modality, source in small_experiment.dataset().splits[data.VALIDATION].items():
    by_key = {source[i]["key"]: source[i] for i in range(len(source))}
    keys = set()
    for row in range(len(source)):
      example = examples(modality, row)
      assert example.modality == modality
      np.testing.assert_array_equal(example.input, by_key[example.key]["input"])
      assert example.category == small_experiment.CLASSES[by_key[example.key]["label"]]
      keys.add(example.key)
    assert keys == set(by_key)
  assert examples.problems == []


def test_held_out_examples_are_found_where_validation_was_replaced(tmp_path, monkeypatch):
  from cmx.data import splits
  monkeypatch.setattr(data, "load", lambda config: small_experiment.dataset())
  config = fields.replace(CONFIG, {"data.holdout": 0.5})
  part = splits.visible(config, small_experiment.dataset())
  small_experiment.write_features(tmp_path / "features", part)
  examples = examples_lib.open_examples(config, small_experiment.CLASSES, tmp_path / "features")
  held = {part.splits[data.VALIDATION]["natural"][i]["key"]
          for i in range(len(part.splits[data.VALIDATION]["natural"]))}
  assert {examples("natural", row).key for row in range(len(held))} == held
  assert examples.problems == [] and 0 < len(held) < 12


def test_a_data_set_that_is_gone_leaves_categories_and_keys(folder, monkeypatch):
  def gone(config):
    raise FileNotFoundError("not prepared; run launch.prepare")
  monkeypatch.setattr(data, "load", gone)
  examples = examples_lib.open_examples(CONFIG, small_experiment.CLASSES, folder)
  assert examples.problems == ["No examples can be shown: not prepared; run launch.prepare"]
  example = examples("clipart", 3)
  assert example.input is None and example.category in small_experiment.CLASSES
  assert example.key.startswith("clipart/") and tiles.words(example, 20) == "not available"


def test_a_data_set_of_other_classes_is_not_shown(folder, monkeypatch):
  other = small_experiment.dataset(classes=("a", "b", "c"))
  monkeypatch.setattr(data, "load", lambda config: other)
  examples = examples_lib.open_examples(CONFIG, small_experiment.CLASSES, folder)
  assert examples("natural", 0).input is None
  assert "has 3 classes, a, b, c ...; the run was trained on 3, red" in examples.problems[0]


def test_a_data_set_that_has_changed_is_not_shown(folder, monkeypatch):
  monkeypatch.setattr(data, "load", lambda config: small_experiment.dataset(count=13))
  examples = examples_lib.open_examples(CONFIG, small_experiment.CLASSES, folder)
  assert len(examples.problems) == 3 and "labels are not those" in examples.problems[0]
  assert examples("natural", 0).input is None


def test_an_example_of_another_key_is_not_shown(folder, monkeypatch):
  changed = small_experiment.dataset()

  class Renamed(small_experiment.Source):
    def __getitem__(self, index):
      return {**super().__getitem__(index), "key": f"new/{index}"}

  renamed = Renamed(small_experiment.ROWS[0], 12)
  changed.splits[data.VALIDATION]["natural"] = renamed
  monkeypatch.setattr(data, "load", lambda config: changed)
  examples = examples_lib.open_examples(CONFIG, small_experiment.CLASSES, folder)
  assert examples("natural", 0).input is None and examples("clipart", 0).input is not None
  assert examples.problems[0].startswith("The data set's examples of natural are not those")


def test_a_file_that_cannot_be_read_is_a_problem_and_no_end(folder, monkeypatch):
  broken = small_experiment.dataset()

  class Broken(small_experiment.Source):
    def __getitem__(self, index):
      raise OSError("disk failed")

  broken.splits[data.VALIDATION]["natural"] = Broken(small_experiment.ROWS[0], 12)
  monkeypatch.setattr(data, "load", lambda config: broken)
  examples = examples_lib.open_examples(CONFIG, small_experiment.CLASSES, folder)
  assert examples("natural", 0).input is None
  assert examples.problems == ["An example of natural cannot be read: disk failed"]


def test_features_without_keys_are_shown_all_the_same(folder):
  (folder / "natural" / "key.json").unlink()
  examples = examples_lib.open_examples(CONFIG, small_experiment.CLASSES, folder)
  assert examples("natural", 0).input is not None and examples.problems == []


def test_an_example_is_found_by_its_key(folder):
  examples = examples_lib.open_examples(CONFIG, small_experiment.CLASSES, folder)
  for key in ("natural/0", "description/11"):
    assert examples(*examples.find(key)).key == key
  with pytest.raises(ValueError, match="no example has the key 'x'; keys look like natural/"):
    examples.find("x")


def tile(x, side=64):
  return np.asarray(tiles.tile(examples_lib.Example("natural", "red", "k", x), side))


@pytest.mark.parametrize("x", [
  np.zeros((8, 8, 3), np.uint8), np.zeros((8, 40, 3), np.uint8), np.zeros((300, 2, 3), np.uint8),
  "", "short", "supercalifragilistic" * 20, "many words " * 500, np.zeros(7, np.float32), None])
def test_a_tile_is_square_whatever_the_example_is(x):
  for side in (24, 64, 160):
    assert tile(x, side).shape == (side, side, 3)


def test_pictures_keep_their_shape_and_colours():
  x = np.zeros((8, 16, 3), np.uint8)
  x[..., 1] = 250
  found = tile(x)
  assert (found[20:44, 4:60] == [0, 250, 0]).all()
  assert (found[2:14, 2:62] == 255).all()  # above it the tile's white


def test_long_texts_stay_within_their_tile():
  found = tile("w" * 5 + " word" * 300, 96)
  assert (found[2:94, 92:95] == 255).all() and (found[92:95, 2:94] == 255).all()


def test_short_texts_are_written_larger_than_long_ones():
  dark = [np.flatnonzero((tile(text, 160) < 128).any(axis=(1, 2))[5:-5]) for text in
          ("hill", "hill " * 60)]
  heights = [int(np.argmax(np.diff(rows) > 1)) + 1 if (np.diff(rows) > 1).any() else len(rows)
             for rows in dark]
  assert heights[0] > heights[1]


def test_words_are_cut_at_a_word():
  example = examples_lib.Example("description", "red", "k", "one two three four")
  assert tiles.words(example, 12) == "one two ..."
  assert tiles.words(example._replace(input=np.zeros(9, np.float32)), 50) == "vector of 9 values"
