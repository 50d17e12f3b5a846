"""Modalities added to a data set: beside it, last, with its labels."""

import dataclasses

import numpy as np
import pytest

import made_folders
from cmx import config as config_lib
from cmx import data


def vectors(root, name, classes, count=2, width=3):
  """A modality of vectors in folders of its own."""
  for split in ("train", "validation"):
    (root / name).mkdir(parents=True, exist_ok=True)
    x = np.arange(count * len(classes) * width, dtype=np.float32).reshape(-1, width)
    np.savez(root / name / f"{split}.npz", x=x, y=np.tile(np.arange(len(classes)), count),
             classes=np.array(classes))
  return root


@pytest.fixture
def mine(tmp_path):
  """Folders of photo, note and sound, of bed, chair, door, lamp and stove."""
  folders = config_lib.Folders(path=str(made_folders.write(tmp_path / "mine")), image_size=8)
  return config_lib.Data(name="folders", root=str(tmp_path / "data"), folders=folders)


def added(settings, *entries):
  found = dataclasses.replace(settings, added=entries)
  data.prepare(found)
  return data.load(found)


def test_what_is_added_stands_last_with_labels_of_the_set_s_own_classes(mine, tmp_path):
  root = vectors(tmp_path / "more", "touch", ("chair", "stove"))
  found = added(mine, f"touch={root}")
  assert [row.name for row in found.modalities] == ["photo", "note", "sound", "touch"]
  assert found.classes == made_folders.CLASSES
  source = found.splits[data.TRAIN]["touch"]
  assert source.labels.tolist() == [1, 4, 1, 4] and source.labels.dtype == np.int32
  assert [source[i]["label"] for i in range(4)] == [1, 4, 1, 4]
  assert source[1]["input"].tolist() == [3.0, 4.0, 5.0]


def test_the_set_s_own_examples_stay_as_they_are(mine, tmp_path):
  data.prepare(mine)
  before = data.load(mine)
  found = added(mine, f"touch={vectors(tmp_path / 'more', 'touch', ('chair', 'bed'))}")
  for split, sources in before.splits.items():
    for name, source in sources.items():
      theirs = found.splits[split][name]
      assert theirs.labels.tolist() == source.labels.tolist() and len(theirs) == len(source)
      assert theirs[0]["key"] == source[0]["key"] and theirs.fingerprint == before.fingerprint
  assert found.fingerprint != before.fingerprint


def test_one_modality_of_the_set_itself_is_moved_to_the_end(mine):
  mine.modalities = ("note", "sound")
  mine.folders.reference = "note"
  found = added(mine, "photo=")
  assert [row.name for row in found.modalities] == ["note", "sound", "photo"]


def test_several_stand_in_the_order_in_which_they_were_added(mine, tmp_path):
  root = vectors(vectors(tmp_path / "more", "touch", ("bed",) + ("chair",)), "smell",
                 ("bed", "lamp"))
  found = added(mine, f"touch={root}", f"smell={root}")
  assert [row.name for row in found.modalities][-2:] == ["touch", "smell"]


def test_other_modalities_beside_it_may_have_other_classes(mine, tmp_path):
  root = vectors(vectors(tmp_path / "more", "touch", ("bed", "chair")), "smell", ("rose", "oil"))
  found = added(mine, f"touch={root}")
  assert found.splits[data.TRAIN]["touch"].labels.tolist() == [0, 1, 0, 1]


def test_classes_that_the_set_has_not_are_named(mine, tmp_path):
  root = vectors(tmp_path / "more", "touch", ("bed", "rose", "oil"))
  with pytest.raises(ValueError, match="'touch' has 2 classes .* the 5 .*oil, rose; .*bed, chai"):
    added(mine, f"touch={root}")


@pytest.mark.parametrize("entry", ["touch", "=touch"])
def test_an_entry_without_a_name_or_root_is_refused(mine, entry):
  with pytest.raises(ValueError, match=f"'{entry}'; expected name=root"):
    added(mine, entry)


def test_a_name_that_is_taken_is_refused(mine, tmp_path):
  with pytest.raises(ValueError, match="'sound' is in data set 'folders' already"):
    added(mine, f"sound={vectors(tmp_path / 'more', 'sound', ('bed', 'chair'))}")


def test_written_words_are_said_of_the_modality_that_has_them(mine, tmp_path):
  made_folders.write(tmp_path / "signs")
  (tmp_path / "signs" / "photo").rename(tmp_path / "signs" / "sign")
  mine.folders.written = ("sign",)
  found = added(mine, f"sign={tmp_path / 'signs'}")
  assert {row.name: row.mirror for row in found.modalities if row.kind == "pixels"} == {
    "photo": True, "sign": False}
