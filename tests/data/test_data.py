"""The one door to data sets: by name, restricted to what a config asks for."""

import sys
import types

import numpy as np
import pytest

import bad_folders
from cmx import config as config_lib
from cmx import data
from cmx import modalities


class Labels:
  def __init__(self, *labels):
    self.labels = np.array(labels, np.int32)

  def __len__(self):
    return len(self.labels)


def dataset(classes=("a", "b"), drawing=(0, 1)):
  rows = (modalities.NATURAL, modalities.DRAWING, modalities.DESCRIPTION)
  train = {"natural": Labels(0, 1), "drawing": Labels(*drawing), "description": Labels(1)}
  splits = {data.TRAIN: train, data.VALIDATION: train}
  return data.Dataset("made", tuple(classes), rows, splits, "1")


@pytest.fixture
def made(monkeypatch):
  """A data set named "made" behind the door; calling it sets what it gives."""
  module = types.ModuleType("cmx.data.sets.made")
  monkeypatch.setitem(sys.modules, "cmx.data.sets.made", module)
  monkeypatch.setattr(data, "names", lambda: ["everyday", "made"])

  def give(found):
    module.load = lambda settings: found
    return config_lib.Data(name="made")
  return give


def test_every_file_of_the_folder_is_a_data_set_with_both_functions():
  assert {"cmplaces", "everyday", "folders", "rendered_world"} <= set(data.names())
  for name in data.names():
    module = data._module(name)
    assert callable(module.prepare) and callable(module.load)


@pytest.mark.parametrize("function", [data.load, data.prepare])
def test_an_unknown_data_set_is_answered_with_the_known(function):
  known = ", ".join(data.names())
  with pytest.raises(ValueError, match=f"data set 'word'; expected one of {known}"):
    function(config_lib.Data(name="word"))


def test_a_place_where_nothing_can_be_prepared_is_said_to_be_one(tmp_path):
  (tmp_path / "file").write_text("")
  settings = bad_folders.settings(bad_folders.folders(tmp_path / "mine"))
  settings.root = f"{tmp_path / 'file' / 'x'}"
  with pytest.raises(ValueError, match=f"config.data.root {settings.root}: nothing can be written "
                                       f"into {tmp_path / 'file'}: .*; expected a folder"):
    data.prepare(settings)
  settings.root, settings.folders.path = f"{tmp_path / 'y'}", f"{tmp_path / 'none'}"
  with pytest.raises(FileNotFoundError, match="none does not exist; expected root/<modality>/"):
    data.prepare(settings)  # what is read is another matter


def test_all_modalities_come_where_none_is_named(made):
  whole = dataset()
  assert data.load(made(whole)) == whole


def test_only_the_named_modalities_come_in_the_data_set_s_order(made):
  settings = made(dataset())
  settings.modalities = ("DSC", "natural")
  found = data.load(settings)
  assert [row.name for row in found.modalities] == ["natural", "description"]
  for sources in found.splits.values():
    assert list(sources) == ["natural", "description"]


def test_one_class_is_refused(made):
  with pytest.raises(ValueError, match="data set 'made' has 1 class; expected 2 or more"):
    data.load(made(dataset(classes=["a"])))


def test_a_modality_without_training_examples_is_refused_unless_left_out(made):
  settings = made(dataset(drawing=()))
  with pytest.raises(ValueError, match="modality 'drawing' has no training examples in data set"):
    data.load(settings)
  settings.modalities = ("natural", "description")
  assert len(data.load(settings).modalities) == 2


def test_a_modality_that_is_not_there_is_refused(made):
  settings = made(dataset())
  settings.modalities = ("natural", "sound")
  with pytest.raises(ValueError, match="modality 'sound'; this data set has natural, drawing"):
    data.load(settings)
