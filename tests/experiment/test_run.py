"""A trained run to use: encode, search, and what it says of itself."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import made_folders
import tiny
import untrained
from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx.data import opening
from cmx.evaluation import embedding
from cmx.evaluation import features
from cmx.experiment import run as run_lib

SMALL = {name: value for name, value in tiny.FIELDS.items() if not name.startswith("data.")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Work directory of an untrained run on folders of photos, notes and sounds."""
  root = tmp_path_factory.mktemp("run")
  config = fields.replace(config_lib.Config(), SMALL | {
    "data.name": "folders", "data.root": str(root / "data"), "data.folders.image_size": 32,
    "data.folders.path": str(made_folders.write(root / "mine")), "method": "bl_shfinal"})
  data.prepare(config.data)
  untrained.keep(root / "seed_0" / "bl_shfinal", untrained.of(config))
  return root / "seed_0" / "bl_shfinal"


@pytest.fixture(scope="module")
def run(folder):
  return run_lib.load(folder)


@pytest.fixture(scope="module")
def extracted(folder, run):
  encoded = opening.open_data(run.config).encoded
  return features.extract(run.network, encoded, data.VALIDATION, ["fc7", "fc6"],
                          folder / "features" / data.VALIDATION, batch=24)


def test_a_run_says_what_it_is(run, folder):
  assert repr(run).splitlines() == [
    f"cmx run {folder}", "  BL-ShFinal, seed 0, 3 steps; space: fc7",
    "  5 classes: bed, chair, door, lamp, ...", "  PHO  photo: pictures of 32 x 32 pixels",
    "  NOT  note: texts by hashing, 512", "  SOU  sound: vectors of 5"]
  assert run.modalities == ("photo", "note", "sound") and run.classes == made_folders.CLASSES


def test_files_texts_and_vectors_land_where_their_features_are(run, extracted):
  root = run.config.data.folders.path
  keys = {name: run._gallery(name, data.VALIDATION, "fc7")[0] for name in run.modalities}
  photos = run.encode([f"{root}/{key}" for key in keys["photo"]], "photo")
  np.testing.assert_allclose(photos, extracted["photo"]["fc7"], atol=1e-5)
  raw = data.load(run.config.data).splits[data.VALIDATION]
  for name in ("note", "sound"):
    inputs = [raw[name][int(i)]["input"] for i in features.order(len(raw[name]))]
    np.testing.assert_allclose(run.encode(inputs, name), extracted[name]["fc7"], atol=1e-5)


def test_a_search_gives_keys_and_cosines_nearest_first(run, extracted):
  vectors = run.encode(["train bed number 0", "train door number 1"], modality="note")
  keys, scores = run.search(vectors, modality="sound", k=3)
  assert keys.shape == scores.shape == (2, 3) and (np.diff(scores) <= 0).all()
  gallery = np.asarray(extracted["sound"]["fc7"])
  cosine = vectors @ gallery.T / (np.linalg.norm(vectors, axis=1)[:, None]
                                  * np.linalg.norm(gallery, axis=1))
  np.testing.assert_allclose(scores, -np.sort(-cosine, axis=1)[:, :3], atol=1e-5)
  for row, key in zip(cosine, keys[:, 0]):
    _, index = run._opened["examples", data.VALIDATION].find(key) if (
      run.example(key)) else (None, None)
    assert index == np.argmax(row)
  one = run.search(vectors[1], modality="SOU", k=3)
  assert one.keys.tolist() == keys[1].tolist() and one.scores.shape == (3,)
  assert run.search(vectors, modality="sound", k=1000).keys.shape == (2, 8)  # all there are


def test_a_key_leads_to_what_a_person_sees(run, extracted):
  keys, _ = run.search(run.encode(["a bed"], "note")[0], "photo", k=1)
  found = run.example(keys[0])
  assert found.modality == "photo" and found.key == keys[0] and found.category in keys[0]
  assert found.input.shape == (32, 32, 3)
  with pytest.raises(ValueError, match="no example has the key 'nothing'"):
    run.example("nothing")


def test_what_is_not_extracted_is_when_it_is_searched(run, folder):
  vectors = run.encode(["a bed"], "note", layer="fc6")
  keys, _ = run.search(vectors, "photo", k=20, split="train", layer="fc6")
  assert keys.shape == (1, 12) and all("/train/" in key for key in keys[0])
  assert (folder / "features" / "train_fc6" / "photo" / "fc6.npy").exists()


def test_what_is_asked_for_twice_is_compiled_once(run, monkeypatch):
  before = run.encode(["a bed"], "note")
  monkeypatch.setattr(embedding, "embedder", None)  # would fail
  np.testing.assert_array_equal(run.encode(["a bed"], "note"), before)


def test_opening_a_run_says_nothing(folder):
  program = f"import cmx; print(cmx.load({str(folder)!r}).encode(['a bed'], 'note').shape)"
  done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
  assert done.stdout == "(1, 16)\n" and done.stderr == ""


def test_a_run_may_be_pickled(run):
  before = run.encode(["a bed"], "note")
  np.testing.assert_array_equal(pickle.loads(pickle.dumps(run)).encode(["a bed"], "note"), before)


@pytest.mark.parametrize("call, message", [
  (lambda run: run.encode(["x"], "smell"), "no modality 'smell'; expected one of photo, note, sou"),
  (lambda run: run.encode("a bed", "note"), "'note' are str; expected a list"),
  (lambda run: run.encode([], "note"), "no inputs of modality 'note'"),
  (lambda run: run.encode(["x"], "note", layer="fc9"), "layer 'fc9'; expected one of pool5"),
  (lambda run: run.encode(np.zeros((2, 4)), "sound"), r"shape \[4\]; expected \[5\] for .*'sound'"),
  (lambda run: run.search(np.zeros((1, 4)), "note"), r"shape \[1, 4\]; expected \[Q, 16\]"),
  (lambda run: run.search(np.zeros((1, 16)), "smell"), "no modality 'smell'"),
  (lambda run: run.search(["a bed"], "note"), r"vectors of <U5 \[1\]; expected numbers"),
  (lambda run: run.search(np.full((1, 16), np.nan), "note"), "not finite"),
  (lambda run: run.search(np.zeros((1, 16)), "note", k=0), "0 neighbours; expected 1"),
  (lambda run: run.search(np.zeros((1, 16)), "note", split="test"), "split 'test'; expected 'tr"),
  (lambda run: run_lib.TrainedRun(run.network).search(np.zeros((1, 16)), "note"), "in memory")])
def test_what_a_run_cannot_do_is_said(run, extracted, call, message):
  with pytest.raises(ValueError, match=message):
    call(run)


def test_a_folder_that_is_no_run_is_refused_with_the_runs_below_it(folder, tmp_path):
  with pytest.raises(FileNotFoundError, match="nowhere is no folder; expected the work directory"):
    run_lib.load(tmp_path / "nowhere")
  with pytest.raises(FileNotFoundError, match="holds no run; expected the work directory of"):
    run_lib.load(tmp_path)
  with pytest.raises(FileNotFoundError, match="holds no run; expected one of .*seed_0/bl_shfinal"):
    run_lib.load(folder.parents[1])
