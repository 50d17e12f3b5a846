"""The check before training: counts, holes, bad files, duplicates, and what it says to do."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cmx import config as config_lib
from cmx import fields
from cmx.data import check
from cmx.data import outlines
from cmx.data import opening
from cmx.data import splits
from cmx.data.sets.folders import dataset as folders

ROOT = pathlib.Path(__file__).parents[2]


def settings(path, **fields):
  data = config_lib.Data(name="folders", **fields)
  data.folders.path, data.folders.image_size = f"{path}", 16
  return data


def write(path, words):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(words)


def paint(path, colour):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.new("RGB", (8, 8), colour).save(path)


@pytest.fixture
def mine(tmp_path):
  """Six training and two validation examples a cell; no photo of a lamp."""
  root = tmp_path / "mine"
  for split, count in (("train", 6), ("validation", 2)):
    for c, name in enumerate(("bed", "chair", "lamp")):
      for i in range(count):
        write(root / "note" / split / name / f"{i}.txt", f"{split} {name} {i}")
        if name != "lamp":
          paint(root / "photo" / split / name / f"{i}.png", (80 * c, 9 * i, len(split)))
    x = np.arange(count * 4.0).reshape(-1, 2) + len(split) / 100
    table = {"x": x, "y": np.tile([0, 2], count), "classes": np.array(["bed", "chair", "lamp"])}
    (root / "sound").mkdir(exist_ok=True)
    np.savez(root / "sound" / f"{split}.npz", **table)
  return root


def test_sound_data_are_counted_with_their_holes(mine):
  report = check.check(settings(mine))
  assert check.text(report) == f"""\
{mine}: 3 modalities, 3 classes
examples: training / validation; . = none

class  photo (pixels)  note (text)  sound (vector)
bed             6 / 2        6 / 2           6 / 2
chair           6 / 2        6 / 2           . / .
lamp            . / .        6 / 2           6 / 2
total          12 / 4       18 / 6          12 / 4

Next: all is well; train with launch.reproduce."""
  assert (report.problems, report.remarks, report.bad) == ([], [], [])


def test_all_bad_files_are_listed_with_the_reason(mine):
  write(mine / "note/train/bed/0.txt", "")
  write(mine / "note/train/bed/1.doc", "x")
  (mine / "photo/train/bed/3.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
  report = check.check(settings(mine))
  assert {bad["file"]: bad["why"].split(":")[0] for bad in report.bad} == {
    "note/train/bed/0.txt": "empty text",
    "note/train/bed/1.doc": "file type .doc; expected one of .png .jpg .jpeg .webp .gif .bmp .tif "
                            ".tiff .ppm .pgm .pbm .tga .ico .jp2 .avif .txt .npy",
    "photo/train/bed/3.png": "does not decode as an image"}
  assert report.problems == ["3 bad files; remove or replace them, or leave them out with "
                             "--config.data.folders.damaged=3"]
  assert report.counts["note"]["train"]["bed"] == 5
  assert "bad files (3):\n  note/train/bed/1.doc: file type" in check.text(report)
  assert check.text(report).endswith("Next: mend the above and check again.")


def test_duplicates_are_told_apart(mine):
  write(mine / "note/validation/bed/again.txt", "  train bed 0\n")  # equal but for white space
  with Image.open(mine / "photo/train/bed/0.png") as image:
    image.save(mine / "photo/train/bed/copy.bmp")  # another format, equal pixels
  for split in ("train", "validation"):
    write(mine / "words" / split / "bed/0.txt", f"another {split}")
  write(mine / "words/train/bed/1.txt", "train chair 1")
  report = check.check(settings(mine))
  assert report.across_splits == [["note, train: note/train/bed/0.txt",
                                   "note, validation: note/validation/bed/again.txt"]]
  assert report.within == [["photo, train: photo/train/bed/0.png",
                            "photo, train: photo/train/bed/copy.bmp"]]
  assert report.across_modalities == [["note, train: note/train/chair/1.txt",
                                       "words, train: words/train/bed/1.txt"]]
  assert report.problems == []
  assert report.remarks[-3:] == [
    "equal examples in training and validation: 1; validation is too easy by them",
    "equal examples in several modalities: 1; these are pairs",
    "equal examples within a split: 1; they count twice"]
  assert "take the equal examples out of one of the splits first" in check.text(report)


def test_equal_examples_of_different_classes_are_remarked(mine):
  write(mine / "note/train/lamp/0.txt", "train bed 0")
  assert ("equal examples of different classes: note/train/bed/0.txt = note/train/lamp/0.txt; "
          "at most one class of each is right") in check.check(settings(mine)).remarks


def test_thin_lonely_and_unseen_classes_are_remarked(mine):
  write(mine / "note/train/stool/0.txt", "one stool")
  write(mine / "note/validation/Bed/0.txt", "a bed with a capital")
  assert check.check(settings(mine)).remarks == [
    "fewer than 5 training examples: stool in note",
    "no training example in any modality: Bed; only their validation examples are used",
    "training examples in one modality only: stool; nothing can be aligned there",
    "names that differ by case only: Bed, bed; they count as different classes"]


def test_a_remark_names_twenty_cells_and_counts_the_rest(mine):
  for c in range(23):
    write(mine / f"note/train/class{c:02d}/0.txt", f"words {c}")
  few = check.check(settings(mine)).remarks[0]
  assert few.startswith("fewer than 5 training examples: class00 in note, class01 in note, ")
  assert few.endswith("class19 in note, 3 more")


def test_a_test_split_that_is_not_used_is_remarked(mine):
  write(mine / "note/test/bed/0.txt", "held back")
  assert check.check(settings(mine)).remarks == [
    "modality 'note' has a validation split, so its split test is not used"]


def test_what_would_stop_training_is_a_problem(mine):
  (mine / "smell").mkdir()
  (mine / "sound/validation.npz").unlink()
  report = check.check(settings(mine))
  assert [problem.split(";")[0] for problem in report.problems] == [
    "modality 'smell' is empty", "modality 'sound' has no validation examples"]
  report = check.check(settings(mine, holdout=0.2))
  assert [problem.split(";")[0] for problem in report.problems] == ["modality 'smell' is empty"]


def test_a_modality_of_another_vocabulary_is_seen_at_once(tmp_path):
  for split in ("train", "validation"):
    for name in ("bed", "chair"):
      paint(tmp_path / "photo" / split / name / "0.png", (len(split), len(name), 0))
    (tmp_path / "sound").mkdir(exist_ok=True)
    np.savez(tmp_path / "sound" / f"{split}.npz", x=np.eye(2) * len(split), y=np.array([0, 1]))
  report = check.check(settings(tmp_path))
  assert report.classes == ["0", "1", "bed", "chair"]
  assert ("training examples in one modality only: 0, 1, bed, chair; nothing can be aligned there"
          in report.remarks)


def test_other_data_sets_are_checked_through_their_examples(mine, tmp_path):
  data = settings(mine, root=f"{tmp_path / 'data'}")
  folders.prepare(data)
  report = check._of_dataset(data, lambda *text: None)
  assert report.counts == check.check(data).counts
  assert (report.problems, report.remarks) == ([], [])


def run(*arguments):
  command = [sys.executable, "-m", "launch.check", "--compilation_cache=",
             "--config.mixture.components=2", *arguments]
  return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_ends_well_and_says_how_to_train(mine, tmp_path):
  done = run(f"--path={mine}", f"--json={tmp_path / 'report.json'}")
  assert done.returncode == 0, done.stderr
  assert ("  python -m launch.reproduce --config=configs/folders.py "
          f"--config.data.folders.path={mine} --config.mixture.components=2 --workdir=runs/mine"
          ) in done.stdout
  report = json.loads((tmp_path / "report.json").read_text())
  assert report["counts"]["photo"]["train"] == {"bed": 6, "chair": 6, "lamp": 0}


def test_the_command_to_train_can_be_pasted_where_the_path_has_spaces(mine):
  done = run(f"--path={mine.rename(mine.with_name('my own data'))}")
  assert f"--config.data.folders.path='{mine.with_name('my own data')}' --config" in done.stdout


def test_the_command_fails_where_training_would(mine, tmp_path):
  write(mine / "note/train/bed/0.txt", "")
  assert run(f"--path={mine}").returncode == 1
  done = run(f"--path={tmp_path / 'none'}")
  assert done.returncode == 1
  assert ("none does not exist; expected root/<modality>/<train|validation>/<class>/<file>"
          in done.stderr)


def of_run(mine, **changes):
  config = fields.replace(config_lib.Config(data=settings(mine)), changes)
  return check.check_run(config)


def test_an_encoder_that_a_run_could_not_open_is_a_problem(mine, tmp_path):
  assert of_run(mine).problems == []
  words = {"encoders.text": "words", "encoders.file": f"{tmp_path / 'glove.txt'}"}
  assert "glove.txt' is not there" in of_run(mine, **words).problems[0]
  (tmp_path / "glove.txt").write_text("bed 1 2\nlamp 1\n")
  assert "glove.txt line 2: 1 numbers; expected 2" in of_run(mine, **words).problems[0]
  assert "encoder 'glove' for text" in of_run(mine, **{"encoders.text": "glove"}).problems[0]


def test_texts_that_an_encoder_cannot_read_are_said_before_training(mine, tmp_path):
  words = {"encoders.text": "words", "encoders.file": f"{tmp_path / 'glove.txt'}"}
  (tmp_path / "glove.txt").write_text("train 1 2\nbed 3 4\nchair nan 1\n")
  found = of_run(mine, **words)
  assert "glove.txt line 3: not every number is finite" in found.problems[0]
  assert found.remarks == [
    "encoder words makes zero vectors of 2 texts (note/validation/lamp/0.txt, "
    "note/validation/lamp/1.txt): 53.6 % of 56 words are not in glove.txt: lamp 8, validation 6, "
    "0 4, 1 4, 2 2; 2 of 24 texts have none that is, and become zeros"]
  assert of_run(mine, **words, **{"data.modalities": ("photo", "sound")}).problems == []
  assert of_run(mine, **words, **{"data.modalities": ("photo", "sound")}).remarks == []


def test_examples_without_a_vector_are_a_problem(mine, tmp_path):
  keys = sorted(f"{path.relative_to(mine)}" for path in (mine / "note").rglob("*.txt"))
  vectors = {"encoders.text": "vectors", "encoders.file": f"{tmp_path / 'x.npz'}"}
  np.savez(tmp_path / "x.npz", x=np.ones((24, 2), np.float32), keys=np.array(keys))
  assert of_run(mine, **vectors).problems == []
  np.savez(tmp_path / "x.npz", x=np.ones((23, 2), np.float32), keys=np.array(keys[1:]))
  assert of_run(mine, **vectors).problems[0].startswith(
    f"{tmp_path / 'x.npz'} has no row for 1 of 18 examples of note train, the first '{keys[0]}'")


def test_the_outline_of_a_report_is_what_a_run_sees(mine, tmp_path):
  config = fields.replace(config_lib.Config(data=settings(mine, holdout=0.3, root=f"{tmp_path}")),
                          {"data.unseen_classes": 1})
  folders.prepare(config.data)
  ours = outlines.of_report(check.check_run(config), config)
  theirs = opening.open_data(config).encoded
  assert ours.classes == theirs.classes and ours.modalities == theirs.modalities
  for split, sources in theirs.splits.items():
    for name, source in sources.items():
      assert sorted(ours.splits[split][name].labels) == sorted(source.labels)


def test_classes_held_back_that_leave_a_modality_none_are_a_problem(mine):
  write(mine / "note/train/stool/0.txt", "a stool")
  found = [of_run(mine, seed=seed, **{"data.unseen_classes": 2}).problems for seed in range(9)]
  for seed, problems in enumerate(found):
    unseen = {("bed", "chair", "lamp", "stool")[label]
              for label in splits.unseen_classes(4, 2, seed)}
    expected = [name for name, its in (("photo", {"bed", "chair"}), ("sound", {"bed", "lamp"}))
                if its == unseen]
    assert [problem.split("'")[1] for problem in problems] == expected
  assert any(found) and not all(found)


def test_the_command_to_train_has_what_was_allowed(mine):
  write(mine / "note/train/bed/0.txt", "")
  done = run(f"--path={mine}", "--config.data.folders.damaged=2", "--config.data.holdout=0.2")
  assert done.returncode == 0, done.stderr
  for flag in ("--config.data.folders.damaged=2", "--config.data.holdout=0.2"):
    assert f" {flag} " in done.stdout
