"""A tower taken out: its folder without cmx, its preprocessing, what is refused."""

import dataclasses
import json
import os
import subprocess
import sys

import jax
import numpy as np
import PIL
import pytest
from PIL import Image

import tiny
import untrained
from cmx import data
from cmx.data import opening
from cmx.data.encoders import hashing
from cmx.evaluation import embedding
from cmx.evaluation import features
from cmx.evaluation.export import folder as folder_lib
from cmx.evaluation.export import preprocess
from cmx.files import pictures
from cmx.files import writing
from cmx.runtime import devices

pytest.importorskip("flatbuffers", reason="install cmx again: it needs flatbuffers by now")

# Runs the folder's script where neither cmx nor what it is made of can be imported.
ALONE = """
import runpy, sys
class Blocked:
  def find_spec(self, name, path=None, target=None):
    if name.split(".")[0] in ("cmx", "flax", "optax", "orbax", "PIL", "sklearn", "absl",
                              "tensorflow_datasets"):
      raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
import flatbuffers
assert flatbuffers.__file__.startswith(sys.path[0]), flatbuffers.__file__
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  root = tmp_path_factory.mktemp("data")
  tiny.dataset(root)
  made = untrained.run(root)
  steps = dataclasses.replace(made.config.optimizer, steps=made.step)
  return made._replace(config=dataclasses.replace(made.config, optimizer=steps))


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
  """The folder of the natural images' tower, and its card."""
  out = tmp_path_factory.mktemp("exported") / "natural"
  return out, folder_lib.write(run, "NAT", opening.open_data(run.config).encoded, out)


def embed(folder, inputs, tmp_path):
  """What the script makes of inputs, in a process of its own with nothing but JAX and NumPy."""
  np.save(tmp_path / "inputs.npy", inputs)
  done = subprocess.run(
    [sys.executable, "-c", ALONE, folder / "embed.py", tmp_path / "inputs.npy",
     tmp_path / "features.npz"], cwd=tmp_path, capture_output=True, text=True, timeout=300,
    env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "", "PYTHONPATH": ""}, check=False)
  assert done.returncode == 0, done.stderr
  with np.load(tmp_path / "features.npz") as found:
    return dict(found)


def test_the_folder_gives_the_run_s_activations_without_cmx(run, exported, tmp_path):
  pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 48, 3), np.uint8)  # of another size
  found = embed(exported[0], pixels, tmp_path)
  for layer in ("pool5", "fc6", "fc7", "fc8"):
    expected = embedding.embed(run, "natural", list(pixels), layer)
    np.testing.assert_allclose(found[layer], expected, atol=1e-5 * np.abs(expected).max())


def test_it_holds_no_pickle_and_no_other_modality(run, exported):
  out, card = exported
  assert sorted(path.name for path in out.iterdir()) == [
    "card.json", "embed.py", "example.npy", "example.npz", "flatbuffers", "preprocess.py",
    "readouts.npz", "tower.jaxexport", "weights.npz"]
  with np.load(out / "weights.npz", allow_pickle=False) as weights:
    assert {name.split("/")[0] + "/" + name.split("/")[1] for name in weights} == {
      "tower/natural", "fc6/shared", "fc7/shared", "fc8/shared"}
    np.testing.assert_array_equal(weights["fc7/shared/kernel"],
                                  run.params["fc7"]["shared"]["kernel"])
  assert json.loads((out / "card.json").read_text()) == card


def test_the_card_says_what_goes_in_and_comes_out(run, exported):
  _, card = exported
  assert card["classes"] == list(run.classes) and card["platforms"] == ["cpu", "cuda", "tpu"]
  assert card["shape"] == [32, 32, 3] and "uint8 [N, H, W, 3]" in card["input"]
  assert card["layers"] == {"pool5": 16, "fc6": 16, "fc7": 16, "fc8": 24}
  assert max(card["parity"]["apart"].values()) <= 1e-5 and card["parity"]["examples"] == 24


def test_it_is_one_program_for_cpu_cuda_and_tpu_and_any_number_of_inputs(exported):
  tower = jax.export.deserialize(bytearray((exported[0] / "tower.jaxexport").read_bytes()))
  assert tower.platforms == ("cpu", "cuda", "tpu")
  assert str(tower.in_avals[-1].shape[0]) == "batch"


def test_mean_and_covariance_are_those_of_training_activations(run, exported, tmp_path):
  dataset = opening.open_data(run.config).encoded
  x = features.extract(run, dataset, data.TRAIN, ["fc7"], tmp_path / "train",
                       batch=24)["natural"]["fc7"].astype(np.float64)
  with np.load(exported[0] / "readouts.npz") as found:
    assert str(found["layer"]) == "fc7" and int(found["examples"]) == len(x) == 48
    np.testing.assert_allclose(found["mean"], x.mean(0), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found["covariance"], np.cov(x.T), rtol=1e-5, atol=1e-7)


def test_vectors_of_an_encoder_are_stated_as_the_input(run, tmp_path):
  dataset = opening.open_data(run.config).encoded
  card = folder_lib.write(run, "description", dataset, tmp_path / "out")
  assert card["shape"] == [512] and f"'hashing', fingerprint {hashing.FINGERPRINT}" in card["input"]
  source = dataset.splits[data.VALIDATION]["description"]
  x = np.stack([source[i]["input"] for i in range(3)])
  expected = features.reader(run, dataset.modalities[2], ["fc7"], 8)(
    devices.replicate(run.params), x)["fc7"]
  np.testing.assert_allclose(embed(tmp_path / "out", x, tmp_path)["fc7"], expected,
                             atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(20, 31), (31, 20), (8, 8), (64, 64), (7, 200), (333, 250),
                                   (1, 1), (64, 3), (65, 54), (90, 40)])
@pytest.mark.parametrize("size", [32, 64])
def test_images_are_resized_as_the_data_set_resizes_them_to_the_bit(shape, size):
  image = np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3), np.uint8)
  expected = np.asarray(pictures.square(Image.fromarray(image), size))
  found = preprocess.square(image, size)
  if int(PIL.__version__.split(".")[0]) < 13:  # takes the width first, whatever shrinks
    np.testing.assert_allclose(found, expected, atol=1)
  else:
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("inputs, shape, words", [
  (np.zeros((2, 5), np.float32), (4,), r"\[2, 5\]; expected numbers \[N, 4\]"),
  (np.full((2, 4), np.nan), (4,), "not finite"),
  (np.array([["a"] * 4]), (4,), "expected numbers"),
  (np.zeros((2, 8, 8, 3)), (8, 8, 3), "float64 .*; expected images, uint8"),
  (np.zeros((8, 8, 3), np.uint8), (8, 8, 3), r"\[8, 8, 3\]; expected images")])
def test_inputs_of_another_kind_are_refused(inputs, shape, words):
  with pytest.raises(ValueError, match=words):
    preprocess.prepared(inputs, {"shape": shape, "input": "vectors"})


def refused(run, out, modality="natural"):
  with pytest.raises(ValueError) as error:
    folder_lib.write(run, modality, opening.open_data(run.config).encoded, out)
  return str(error.value)


def test_a_run_that_is_not_finished_is_refused(run, tmp_path):
  assert "2 of 3 steps are done" in refused(run._replace(step=2), tmp_path / "out")
  assert not list(tmp_path.iterdir())


def test_a_modality_that_the_run_has_not_is_answered_with_those_it_has(run, tmp_path):
  assert "'sound'; this data set has natural, drawing" in refused(run, tmp_path / "out", "sound")


def test_a_folder_of_other_files_stays_as_it_is(run, tmp_path):
  (tmp_path / "letter.txt").write_text("mine")
  assert "holds files but no tower" in refused(run, tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_tower_that_gives_something_else_is_not_kept(run, tmp_path, monkeypatch):
  def write_other(path, arrays, write=writing.write_arrays):
    write(path, {name: 1.01 * x if name.startswith("fc8/") else x for name, x in arrays.items()})
  monkeypatch.setattr(writing, "write_arrays", write_other)
  assert "exported tower's fc8 is 0.01 of" in refused(run, tmp_path / "out")
  assert not (tmp_path / "out").exists()


def test_a_package_that_is_missing_is_named(run, tmp_path, monkeypatch):
  monkeypatch.setattr(folder_lib, "_READER", "flatterbuffers")
  assert "pip install flatterbuffers" in refused(run, tmp_path / "out")


def test_bfloat16_is_compared_at_its_own_precision(run, tmp_path):
  network = dataclasses.replace(run.config.network, precision="bfloat16")
  run = run._replace(config=dataclasses.replace(run.config, network=network))
  card = folder_lib.write(run, "description", opening.open_data(run.config).encoded,
                          tmp_path / "out")
  assert card["parity"]["allowed"] == 0.02
