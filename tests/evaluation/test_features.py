"""Features on disk: what the network gives, in one order, whole or absent, and of what they say."""

import json
import os
import shutil
from concurrent import futures

import jax
import numpy as np
import pytest

from cmx import data
from cmx import methods
from cmx import modalities
from cmx.evaluation import features
from cmx.files import writing
from cmx.network import model
import tiny

CLOSE = dict(rtol=1e-5, atol=5e-6)  # sums of float32 in another order
METHOD = methods.named("bl_ind")
ROWS = tuple(modalities.of_kind(name, "vector")._replace(shape=(3,)) for name in ("sound", "touch"))


class Vectors:
  """A source of vectors that their index determines."""

  def __init__(self, count, damage=None):
    self.labels = (np.arange(count) % 4).astype(np.int32)
    self._damage = damage

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    if index == self._damage:
      raise OSError("disk gone")
    return {"input": np.random.default_rng(index).normal(size=3).astype(np.float32),
            "label": int(self.labels[index]), "key": f"example {index}"}


def dataset(count=21, damage=None, **changes):
  sources = {"sound": Vectors(count), "touch": Vectors(count, damage)}
  return data.Dataset("made", ("a", "b", "c", "d"), ROWS, {
    data.TRAIN: sources, data.VALIDATION: sources}, "f00d")._replace(**changes)


@pytest.fixture(scope="module")
def run():
  return tiny.untrained(ROWS, "bl_ind", classes=("a", "b", "c", "d"))


def extract(run, folder, *, given=None, layers=("fc7", "fc8"), batch=8, **options):
  return features.extract(run, given or dataset(), data.VALIDATION, layers, folder, batch=batch,
                          **options)


@pytest.fixture(scope="module")
def extracted(run, tmp_path_factory):
  folder = tmp_path_factory.mktemp("run") / "features"
  extract(run, folder)
  return folder


def keys(folder, name="sound"):
  return [int(key.split()[1]) for key in json.loads((folder / name / "key.json").read_text())]


def test_they_are_what_the_network_gives_one_example_at_a_time(run, extracted):
  found = features.load(extracted)
  for row in ROWS:
    for place, index in enumerate(keys(extracted, row.name)):
      x = Vectors(21)[index]["input"][None]
      expected = model.apply(run.params, x, row, METHOD, run.config.network)
      for layer in ("fc7", "fc8"):
        np.testing.assert_allclose(found[row.name][layer][place], expected[layer][0], **CLOSE)


def test_every_example_comes_once_with_its_label_in_an_order_that_ignores_the_class(extracted):
  order = keys(extracted)
  assert sorted(order) == list(range(21)) and order != sorted(order)
  labels = features.load(extracted)["sound"]["label"]
  assert labels.tolist() == [index % 4 for index in order]
  assert keys(extracted, "touch") == order == features.order(21).tolist()


@pytest.mark.parametrize("batch", [5, 8, 64])
def test_the_size_of_a_pass_does_not_matter(run, extracted, tmp_path, batch):
  found = extract(run, tmp_path / "f", batch=batch)
  for name, part in features.load(extracted).items():
    for layer, value in part.items():
      np.testing.assert_allclose(found[name][layer], value, **CLOSE)


def test_a_limit_takes_some_of_each_modality(run, tmp_path):
  found = extract(run, tmp_path / "f", limit=6)
  assert {name: len(part["fc7"]) for name, part in found.items()} == {"sound": 6, "touch": 6}
  assert keys(tmp_path / "f") == features.order(21)[:6].tolist()


def test_features_that_are_there_are_read_and_not_computed(run, extracted):
  def touched(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
  before = touched(extracted.parent)
  found = extract(run, extracted, given=dataset(damage=0), layers=["fc7"])
  assert set(found["sound"]) == {"fc7", "fc8", "label"} and touched(extracted.parent) == before


def test_they_are_whole_or_absent(run, tmp_path):
  with pytest.raises(OSError, match="disk gone"):
    extract(run, tmp_path / "f", given=dataset(damage=11))
  assert not (tmp_path / "f").exists()
  with pytest.raises(FileNotFoundError, match="no features in .*; run launch.extract with"):
    features.load(tmp_path / "f")
  extract(run, tmp_path / "f")
  assert {path.name for path in tmp_path.iterdir()} == {"f", "f.lock"}  # nothing is half done


def test_who_comes_second_waits_and_reads_what_the_first_has_written(run, extracted, tmp_path):
  with futures.ThreadPoolExecutor(1) as pool:
    with writing.held(tmp_path / "f"):  # as the first does
      second = pool.submit(extract, run, tmp_path / "f", given=dataset(damage=0))
      assert not futures.wait([second], timeout=0.5).done
      shutil.copytree(extracted, tmp_path / "f")
    assert set(second.result()) == {"sound", "touch"}  # it would have met the damage


def test_a_half_written_folder_is_not_taken_for_features(run, extracted, tmp_path):
  shutil.copytree(extracted, tmp_path / "f")
  for name in ("modalities.json", "sha256.json"):
    (tmp_path / "f" / name).unlink()
  with pytest.raises(FileNotFoundError):
    features.load(tmp_path / "f")
  with pytest.raises(ValueError, match="holds files but no features; expected a new folder"):
    extract(run, tmp_path / "f")


def test_damaged_features_are_named_and_computed_again_to_the_same_bits(run, extracted, tmp_path):
  shutil.copytree(extracted, tmp_path / "f")
  path = next((tmp_path / "f").rglob("fc7.npy"))
  whole, state = path.read_bytes(), path.stat()
  path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
  os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
  with pytest.raises(ValueError, match=f"{path} has another content than was written"):
    features.load(tmp_path / "f")
  extract(run, tmp_path / "f")
  assert path.read_bytes() == whole


def other_weights(run):
  return run._replace(params=jax.tree.map(lambda x: x + 1, run.params))


@pytest.mark.parametrize("change, words", [
  (dict(layers=["pool5"]), r"layers: \['pool5'\] \| \['fc7', 'fc8'\]"),
  (dict(limit=4), r"limit: 4 \| None"),
  (dict(given=dataset(fingerprint="beef")), r"data: beef \| f00d"),
  (dict(run=other_weights), r"weights: \w{16} \| \w{16}")])
def test_features_of_something_else_are_refused_and_kept(run, extracted, change, words):
  change = dict(change)
  asked = change.pop("run", lambda run: run)(run)
  with pytest.raises(ValueError, match=rf"holds other features \(asked for \| found there\):\n  "
                                       rf"{words}\nChoose another folder, or remove this one"):
    extract(asked, extracted, **change)
  assert keys(extracted) == features.order(21).tolist()


def test_a_folder_made_by_other_means_needs_no_card(run, extracted, tmp_path):
  shutil.copytree(extracted, tmp_path / "f")
  for name in ("card.json", "sha256.json"):
    (tmp_path / "f" / name).unlink()
  assert len(extract(run, tmp_path / "f", limit=4)["sound"]["fc7"]) == 21


@pytest.mark.parametrize("options, words", [
  (dict(layers=["fc9"]), "layer 'fc9'; expected one of pool5, fc6_linear, fc6"),
  (dict(given=dataset(classes=("x", "y"))),
   r"has classes 2 \(x, y, ...\); the run was trained on 4 \(a, b, c, ...\)"),
  (dict(given=dataset()._replace(splits={data.VALIDATION: {"sound": Vectors(4)}})),
   "the data set has no modality 'touch', which the run was trained on")])
def test_data_and_layers_that_are_not_the_run_s_are_refused(run, tmp_path, options, words):
  with pytest.raises(ValueError, match=words):
    extract(run, tmp_path / "f", **options)
  assert not (tmp_path / "f").exists()


def test_examples_of_some_classes(extracted):
  found = features.load(extracted)
  part = features.with_classes(found, [1, 3])["touch"]
  kept = np.isin(found["touch"]["label"], [1, 3])
  assert 0 < kept.sum() < 21 and set(part["label"].tolist()) == {1, 3}
  np.testing.assert_array_equal(part["fc7"], found["touch"]["fc7"][kept])
