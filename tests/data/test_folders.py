"""A user's own folders and manifests: what is read, what is refused, and with which words."""

import csv
import json
import os

import numpy as np
import pytest
from PIL import Image

from cmx import config as config_lib
from cmx import data as data_lib
from cmx.data.sets.folders import dataset as folders
from cmx.data.sets.folders import decoding
from cmx.data.sets.folders import judgement
from cmx.data.sets.folders import listing

CLASSES = ("bed", "chair", "door", "lamp", "stove")


def paint(path, colour=(200, 40, 40), size=(12, 8)):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.new("RGB", size, colour).save(path)


def write(path, words):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(words)


def table(path, labels, width=5, **members):
  path.parent.mkdir(parents=True, exist_ok=True)
  x = np.arange(len(labels) * width, dtype=np.float64).reshape(-1, width)
  np.savez(path, **{"x": x, "y": np.array(labels), "classes": np.array(CLASSES), **members})


def settings(path, root=None, **fields):
  data = config_lib.Data(name="folders", root=f"{root or path.parent / 'data'}", **fields)
  data.folders.path, data.folders.image_size = f"{path}", 16
  return data


@pytest.fixture
def mine(tmp_path):
  """Three modalities of five classes; no photo of a door, note on a lamp, sound of a stove."""
  root = tmp_path / "mine"
  for split, count in (("train", 3), ("val", 2)):
    for c, name in enumerate(CLASSES):
      for i in range(count):
        if name != "door":
          paint(root / "photo" / split / name / f"{i}.png", (40 * c, 20 * i, len(split)))
        if name != "lamp":
          write(root / "note" / split / name / f"{i}.txt", f"  {split} {name} number {i}\n")
    table(root / "sound" / f"{split}.npz", [0, 1, 2, 3] * count)
  return root


def opened(data):
  folders.prepare(data)
  return data_lib.load(data)


def refusal(root, **fields):
  """The message with which a root is refused."""
  with pytest.raises(ValueError) as error:
    folders.prepare(settings(root, **fields))
  return str(error.value)


def test_three_modalities_with_holes_open_as_one_data_set(mine):
  dataset = opened(settings(mine))
  assert dataset.classes == CLASSES
  assert [(m.name, m.kind, m.shape) for m in dataset.modalities] == [
    ("photo", "pixels", (16, 16, 3)), ("note", "text", ()), ("sound", "vector", (5,))]
  counts = {split: {name: np.bincount(source.labels, minlength=5).tolist()
                    for name, source in sources.items()}
            for split, sources in dataset.splits.items()}
  assert counts == {
    "train": {"photo": [3, 3, 0, 3, 3], "note": [3, 3, 3, 0, 3], "sound": [3, 3, 3, 3, 0]},
    "validation": {"photo": [2, 2, 0, 2, 2], "note": [2, 2, 2, 0, 2], "sound": [2, 2, 2, 2, 0]}}


def test_examples_are_what_the_files_hold(mine):
  train = opened(settings(mine)).splits["train"]
  note, sound, photo = train["note"][4], train["sound"][6], train["photo"][3]
  assert note == {"input": "train chair number 1", "label": 1, "key": "note/train/chair/1.txt"}
  assert (sound["label"], sound["key"]) == (2, "sound/train.npz#6")
  assert sound["input"].dtype == np.float32 and sound["input"].tolist() == [30, 31, 32, 33, 34]
  assert (photo["label"], photo["key"]) == (1, "photo/train/chair/0.png")
  assert photo["input"].dtype == np.uint8 and photo["input"][8, 8].tolist() == [40, 0, 5]
  assert len(train["photo"]) == len(train["photo"].labels) == 12


def test_preparing_again_decodes_nothing(mine, monkeypatch):
  data = settings(mine)
  before = opened(data)
  monkeypatch.setattr(decoding, "decode", None)
  assert opened(data).fingerprint == before.fingerprint


def test_an_interrupted_preparation_goes_on_and_ends_equal(mine, monkeypatch):
  whole = opened(settings(mine, mine.parent / "whole")).fingerprint
  data, seen, decode = settings(mine), [], decoding.decode

  def stopping(items, *rest):
    seen.append(items[0].modality)
    if len(seen) == 4:
      raise KeyboardInterrupt
    return decode(items, *rest)

  monkeypatch.setattr(decoding, "decode", stopping)
  with pytest.raises(KeyboardInterrupt):
    folders.prepare(data)
  with pytest.raises(FileNotFoundError):
    folders.load(data)
  assert opened(data).fingerprint == whole
  assert len(seen) == 7  # three parts of six were whole already


def test_a_changed_file_is_another_data_set(mine):
  data = settings(mine)
  before = opened(data).fingerprint
  write(mine / "note/train/bed/0.txt", "another text")
  with pytest.raises(FileNotFoundError, match="changed since; run python -m launch.prepare --noad"):
    data_lib.load(data)
  assert opened(data).fingerprint != before


def test_a_copy_elsewhere_has_the_same_fingerprint(mine):
  before = opened(settings(mine)).fingerprint
  moved = mine.rename(mine.parent / "moved")
  assert opened(settings(moved)).fingerprint == before


@pytest.mark.parametrize("alias", ["val", "valid", "validation", "test"])
def test_validation_goes_by_several_names(mine, alias):
  (mine / "note/val").rename(mine / "note" / alias)
  assert len(opened(settings(mine)).splits["validation"]["note"]) == 8


def test_a_test_split_beside_validation_is_left_out(mine):
  write(mine / "note/test/bed/0.txt", "held back")
  found = listing.find(settings(mine).folders)
  assert found.left_out == ["note"]
  assert not [item for item in found.items if "test" in item.key]


def test_the_codes_of_cmplaces_name_its_modalities(mine):
  (mine / "photo").rename(mine / "NAT")
  row = opened(settings(mine)).modalities[0]
  assert (row.name, row.code, row.mirror) == ("natural", "NAT", True)


def test_natural_images_by_name_are_the_reference_else_those_with_most_examples(mine):
  for i in range(30):
    paint(mine / "sketch/train/bed" / f"{i}.png")
  paint(mine / "sketch/val/bed/0.png")
  data = settings(mine)
  assert opened(data).modalities[0].name == "photo"
  (mine / "photo").rename(mine / "cartoon")
  assert opened(data).modalities[0].name == "sketch"
  (mine / "cartoon").rename(mine / "photo")
  data.folders.reference = "sound"
  assert opened(data).modalities[0].name == "sound"
  data.folders.reference = "smell"
  with pytest.raises(ValueError,
                     match="reference 'smell'; expected one of note, photo, sketch, sound"):
    folders.prepare(data)


def test_the_choice_of_the_reference_is_said(mine):
  found = listing.find(settings(mine).folders)
  assert judgement.reference(found) == ("photo", "its name says natural images")
  assert judgement.reference(found, "note") == ("note", "as asked for")
  kinds = {"cartoon": "pixels", "sketch": "pixels", "note": "text"}
  items = [found.items[0]._replace(modality=name, kind=kind, split="train")
           for name, kind in kinds.items() for _ in range(len(name))]  # 7, 6, 4
  assert judgement.reference(found._replace(items=items)) == (
    "cartoon", "no name says natural images; the most pictures, 7, more than sketch 6")
  items = [item for item in items if item.kind == "text"]
  assert judgement.reference(found._replace(items=items)) == (
    "note", "nothing is of pixels; the most examples, 4")


def test_written_modalities_are_not_mirrored(mine):
  data = settings(mine)
  assert opened(data).modalities[0].mirror
  data.folders.written = ("photo",)
  assert not data_lib.load(data).modalities[0].mirror
  data.folders.written = ("signs",)
  with pytest.raises(ValueError,
                     match="written modality 'signs'; expected among photo, note, sound"):
    data_lib.load(data)


def test_modalities_can_have_vectors_of_different_widths(mine):
  for split in ("train", "val"):
    table(mine / "touch" / f"{split}.npz", [0, 1], width=7)
  shapes = {m.name: m.shape for m in opened(settings(mine)).modalities}
  assert (shapes["sound"], shapes["touch"]) == ((5,), (7,))


def test_vectors_can_be_files_of_their_own(mine):
  for split in ("train", "val"):
    (mine / "touch" / split / "bed").mkdir(parents=True)
    np.save(mine / "touch" / split / "bed" / "a.npy", np.array([1, 2, 3]))
  source = opened(settings(mine)).splits["train"]["touch"]
  assert source[0]["input"].tolist() == [1.0, 2.0, 3.0]
  assert source[0]["input"].dtype == np.float32


def test_holdout_stands_in_for_validation(mine):
  for file in sorted(mine.glob("note/val/*/*")):
    file.unlink()
  assert "modality 'note' has no validation examples" in refusal(mine)
  assert len(opened(settings(mine, holdout=0.3)).splits["validation"]["note"]) == 0


def manifest(root, rows, name="list.csv"):
  path = root / name
  if name.endswith(".csv"):
    with path.open("w", newline="") as file:
      writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
      writer.writeheader()
      writer.writerows(rows)
  else:
    path.write_text("\n".join(json.dumps(row) for row in rows))
  return path


def said(root):
  """Rows of a manifest of photos and of notes that stand in the manifest."""
  rows = []
  for split in ("train", "validation"):
    for name in ("bed", "chair"):
      paint(root / "files" / f"{split} {name}.png")
      cell = {"split": split, "class": name}
      rows.append({"path": f"files/{split} {name}.png", "text": "", "modality": "photo", **cell})
      rows.append({"path": "", "text": f"a {name}, {split}", "modality": "note", **cell})
  return rows


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl"])
def test_manifests_name_files_and_hold_texts(tmp_path, name):
  dataset = opened(settings(manifest(tmp_path, said(tmp_path), name)))
  assert [m.name for m in dataset.modalities] == ["photo", "note"]
  assert dataset.splits["train"]["note"][1]["input"] == "a chair, train"
  assert dataset.splits["train"]["photo"][1]["key"].startswith("files/train chair.png#")
  assert dataset.splits["validation"]["photo"].labels.tolist() == [0, 1]


@pytest.mark.parametrize("change, message", [
  ({"path": "/etc/hostname.png"}, "path '/etc/hostname.png' leaves the manifest's folder"),
  ({"path": "files/../../x.png"}, "path 'files/../../x.png' leaves the manifest's folder"),
  ({"path": "files/none.png"}, "files/none.png does not exist or is not a file"),
  ({"path": "files/a.docx"}, "files/a.docx: file type .docx; expected one of .png .jpg"),
  ({"path": ""}, "neither path and text; expected one of them"),
  ({"text": "words"}, "both path and text; expected one of them"),
  ({"split": "dev"}, "split 'dev'; expected train or validation"),
  ({"class": " "}, "no class; expected its name"),
  ({"modality": "../up"}, "modality '../up'; expected letters, digits, _ and - only"),
  ({"class": 3}, "class 3; expected a string"),
])
def test_bad_rows_of_a_manifest_are_named_by_line(tmp_path, change, message):
  rows = said(tmp_path)
  rows[2] = {**rows[2], **change}
  assert f"\n  list.jsonl:3: {message}" in refusal(manifest(tmp_path, rows, "list.jsonl"))


def test_a_manifest_without_its_columns_is_refused(tmp_path):
  path = manifest(tmp_path, [{"path": "a.png", "split": "train", "label": "bed"}])
  assert ("has columns path, split, label; expected path or text (or both), modality, split, "
          "class; missing: class, modality") in refusal(path)


def test_a_manifest_that_does_not_read_is_refused(tmp_path):
  path = tmp_path / "list.jsonl"
  path.write_text('{"path": ')
  assert "list.jsonl does not read as .jsonl: " in refusal(path)
  path.write_bytes(b"\xff\xfe")
  assert "list.jsonl is text in UTF-16" in refusal(path)
  other = path.rename(tmp_path / "list.txt")
  assert "is a file of type .txt; expected root/<modality>" in refusal(other)


def test_a_missing_path_is_refused(tmp_path):
  with pytest.raises(FileNotFoundError,
                     match="none does not exist; expected root/<modality>/<train|val"):
    folders.prepare(settings(tmp_path / "none"))
  with pytest.raises(ValueError,
                     match=r"no path to your own data; expected --config\.data\.folders\.path"):
    folders.prepare(config_lib.Data(name="folders"))


def test_one_modalitys_folder_is_not_taken_for_the_root(mine):
  message = refusal(mine / "photo")
  assert "photo has folders train, val where modalities are expected; give the folder ab" in message
  assert message.endswith(f", {mine}")


def test_a_folder_that_may_not_be_listed_is_named(mine, monkeypatch):
  scandir = os.scandir

  def refusing(path):
    if f"{path}".endswith("train/bed"):
      raise PermissionError(13, "Permission denied")
    return scandir(path)

  monkeypatch.setattr(os, "scandir", refusing)
  assert "note/train/bed may not be read; expected a folder that you may list" in refusal(mine)


def test_an_empty_modality_is_refused(mine):
  (mine / "smell/train").mkdir(parents=True)
  assert "modality 'smell' is empty; expected smell/train/<class>/<file>" in refusal(mine)


def test_a_modality_without_training_examples_is_refused(mine):
  (mine / "sound/train.npz").unlink()
  assert "modality 'sound' has no training examples; expected sound/train/" in refusal(mine)


def test_one_class_only_is_refused(tmp_path):
  for split in ("train", "val"):
    write(tmp_path / "mine/note" / split / "bed/a.txt", split)
    paint(tmp_path / "mine/photo" / split / "bed/a.png")
  assert "1 class with training examples (bed); expected 2 or more" in refusal(tmp_path / "mine")


def test_one_modality_only_is_refused(tmp_path):
  for name in ("bed", "chair"):
    write(tmp_path / "mine/note/train" / name / "a.txt", name)
  assert "1 modality with examples (note); expected 2 or more: root/" in refusal(tmp_path / "mine")


def test_mixed_kinds_in_a_modality_are_refused(mine):
  write(mine / "photo/train/bed/x.txt", "words")
  assert "photo/train/bed/x.txt: text where the other " in refusal(mine)


def test_all_bad_files_are_named_together(mine):
  (mine / "photo/train/bed/0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"rubbish" * 9)
  (mine / "photo/val/bed/0.png").write_bytes(b"")
  whole = (mine / "photo/train/chair/0.png").read_bytes()
  (mine / "photo/train/chair/0.png").write_bytes(whole[:-30])
  write(mine / "note/train/bed/0.txt", " \n\t")
  (mine / "note/train/bed/1.txt").write_bytes(b"caf\xe9")
  write(mine / "note/train/bed/letter.docx", "x")
  (mine / "note/train/bed/more").mkdir()
  write(mine / "note/train/stray.txt", "x")
  (mine / "note/dev").mkdir()
  message = refusal(mine)
  assert message.startswith("9 of 64 files cannot be used; remove or replace them, or leave them "
                            "out with --config.data.folders.damaged=9:\n")
  for line in ("note/dev: not a split; expected note/train and note/validation",
               "note/train/bed/letter.docx: file type .docx; expected one of .png .jpg",
               "note/train/bed/more: a folder inside a class's folder",
               "note/train/stray.txt: not in a class's folder; expected note/train/<class>/<file>",
               "photo/train/bed/0.png: does not decode as an image: ",
               "photo/train/chair/0.png: does not decode as an image: ",
               "photo/val/bed/0.png: empty file",
               "note/train/bed/0.txt: empty text",
               "note/train/bed/1.txt: text is not UTF-8: "):
    assert f"\n  {line}" in message, (line, message)
  assert not list((mine.parent / "data/folders").glob("*.incomplete"))


def test_hidden_files_and_files_beside_the_modalities_are_passed_over(mine):
  write(mine / "README.md", "about")
  write(mine / "photo/train/bed/.DS_Store", "x")
  write(mine / "photo/train/bed/Thumbs.db", "x")
  assert len(opened(settings(mine)).splits["train"]["photo"]) == 12


@pytest.mark.parametrize("members, message", [
  ({"y": np.array([0, 9])}, "label 9 in y; expected 0 to 4, the 5 classes"),
  ({"y": np.array([0, -1])}, "label -1 in y; expected 0 to 4, the 5 classes"),
  ({"y": np.array(["bed", "sofa"])}, "label 'sofa' in y; expected one of the classes bed, chair"),
  ({"y": np.array([0, 1, 2])}, "2 rows in x but y of shape [3]; expected [2]"),
  ({"y": np.array([0.0, 1.0])}, "y of float64; expected integers or strings"),
  ({"x": np.zeros(2)}, "x of shape [2]; expected [N, E]"),
  ({"x": np.array([["a"], ["b"]])}, "array of <U1; expected numbers"),
  ({"x": np.zeros((2, 0))}, "vectors of 0 entries; expected 1 to 65,536"),
  ({"x": np.array([[1], [{}]], dtype=object)}, "'x' holds Python objects; expected numbers"),
])
def test_bad_tables_are_refused(mine, members, message):
  table(mine / "sound/train.npz", [0, 1], **members)
  assert f"sound/train.npz: {message}" in refusal(mine)


def test_a_table_without_labels_is_refused(mine):
  np.savez(mine / "sound/train.npz", x=np.zeros((2, 5)))
  assert ("sound/train.npz: no 'labels' in the table, which has x; expected x [N, E] and y"
          in refusal(mine))


def test_a_damaged_table_is_refused(mine):
  content = bytearray((mine / "sound/train.npz").read_bytes())
  content[180] ^= 1  # in the numbers of x: the zip's checksum notices
  (mine / "sound/train.npz").write_bytes(content)
  assert "sound/train.npz: does not read as .npz: Bad CRC-32" in refusal(mine)
  (mine / "sound/train.npz").write_bytes(content[:50])
  assert "sound/train.npz: does not read as .npz: File is not a zip file" in refusal(mine)


def test_labels_may_be_strings_or_stand_under_labels(mine):
  table(mine / "sound/train.npz", ["chair", "bed"])
  np.savez(mine / "sound/val.npz", x=np.zeros((1, 5)), labels=np.array(["chair"]))
  splits = opened(settings(mine)).splits
  assert splits["train"]["sound"].labels.tolist() == [1, 0]
  assert splits["validation"]["sound"].labels.tolist() == [1]


def test_vectors_that_are_not_finite_are_named_by_row(mine):
  x = np.zeros((3, 5))
  x[1, 2], x[2, 0] = np.nan, 1e300  # more than float32 holds
  table(mine / "sound/train.npz", [0, 1, 2], x=x)
  message = refusal(mine)
  assert "sound/train.npz#1: vector with entries that are not finite" in message
  assert "sound/train.npz#2: vector with entries that are not finite" in message
  assert "#0" not in message


def test_vectors_of_another_width_are_refused(mine):
  table(mine / "sound/val.npz", [0, 1], width=6)
  assert ("sound/val.npz#0: vector of 6 entries; expected 5, as in the first of 'sound'"
          in refusal(mine))


def test_a_broken_link_is_named(mine):
  path = mine / "photo/train/bed/0.png"
  path.unlink()
  os.symlink(path, path)  # a link to itself
  assert f"photo/train/bed/0.png: a link to {path}, which leads back to itself" in refusal(mine)
  path.unlink()
  os.symlink("photo/train/chair", mine / "photo/train/sofa")  # as seen from the root
  assert ("photo/train/sofa: a link to photo/train/chair, which is not there: a link is read from "
          "the folder that it is in") in refusal(mine)


def test_class_names_are_compared_as_people_read_them(tmp_path):
  for split in ("train", "val"):
    write(tmp_path / "mine/note" / split / "cafe\u0301/a.txt", split)  # e and an accent of its own
    paint(tmp_path / "mine/photo" / split / "caf\u00e9/a.png")  # one letter
    paint(tmp_path / "mine/photo" / split / "bar/a.png")
  found = listing.find(settings(tmp_path / "mine").folders)
  assert judgement.classes(found) == ("bar", "caf\u00e9")
