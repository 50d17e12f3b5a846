"""A modality added to a finished run: the new run on disk, and what is refused before training."""

import logging
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import tiny
import untrained
from cmx import data
from cmx import fields
from cmx.data import opening
from cmx.evaluation import embedding
from cmx.evaluation import evaluate
from cmx.evaluation import features
from cmx.experiment import extend
from cmx.report import opening as report
from cmx.report import options as report_options
from cmx.training import checkpoint
from cmx.training import train
from cmx.training import workdir

STEPS = 3  # of the runs of `untrained`, which are taken for finished


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  root = tmp_path_factory.mktemp("data")
  tiny.dataset(root)
  return root


def write(folder, root, method="bl_shfinal", step=STEPS, **changes):
  """A work directory of a run of natural images and descriptions."""
  with pytest.MonkeyPatch.context() as patch:
    plain = tiny.config
    patch.setattr(tiny, "config", lambda *args: plain(
      *args, **{**tiny.TWO, "optimizer__steps": STEPS, "mixture__components": 1, **changes}))
    made = untrained.run(root, method)
  workdir.claim(folder, made.config)
  with checkpoint.Checkpoints(folder, keep=1) as checkpoints:
    checkpoints.save(step, made.params, {"count": np.zeros(1)},
                     checkpoint.card(made.config, made.classes, made.modalities))
    checkpoints.wait()
  return checkpoint.load_run(folder)


def touch(folder, classes, width=6):
  """Vectors for a modality of another kind, one a class and split, at the class's own place."""
  for split in (data.TRAIN, data.VALIDATION):
    (folder / "touch").mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(len(split)).normal(size=(len(classes), width)).astype(np.float32)
    np.savez(folder / "touch" / f"{split}.npz", x=x, y=np.arange(len(classes)),
             classes=np.array(classes))
  return folder


def extended(run, folder, out, asked, **changes):
  config = fields.replace(run.config, {name.replace("__", "."): value
                                       for name, value in changes.items()})
  config = extend.config_of(run, folder, config, asked)
  data.prepare(config.data)
  return extend.extend(config, run, out)


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
  """(old run, its folder, folder of the extended run, `Extended`): touch, of 20 of 24 classes."""
  folder = tmp_path_factory.mktemp("runs") / "old"
  run = write(folder, root, "class_tune")
  more = touch(tmp_path_factory.mktemp("more"), run.classes[:20])
  out = folder / "extended" / "touch"
  return run, folder, out, extended(run, folder, out, extend.Asked("touch", more))


def test_the_extended_run_is_one_like_any_other(whole, tmp_path):
  run, _, out, found = whole
  loaded = checkpoint.load_run(out)
  assert [row.name for row in loaded.modalities] == ["natural", "description", "touch"]
  assert loaded.classes == run.classes and loaded.step == STEPS
  opened = opening.open_data(loaded.config)
  shutil.copytree(out / "checkpoints", tmp_path / "checkpoints")
  again = evaluate.evaluate(loaded, opened.encoded, tmp_path)  # all features anew
  assert again == found.result and again["name"].endswith("touch added later")
  assert set(again["tables"][0]["map"]) == {
    f"{query}>{target}" for query in ("NAT", "DSC", "TOU") for target in ("NAT", "DSC", "TOU")}
  assert embedding.embed(loaded, "touch", np.zeros((2, 6))).shape == (2, 16)
  shown = report.open_report(out, report_options.Options())
  assert not shown.problems and shown.runs[0].examples("touch", 0).input.shape == (6,)


def test_old_parameters_and_their_features_are_the_same_to_the_bit(whole, tmp_path):
  run, _, out, found = whole
  assert len(found.digests) == 5 and set(found.digests) == {
    f"{layer}/{name}" for layer, owners in run.params.items() for name in owners}
  dataset = opening.open_data(run.config).encoded
  before = features.extract(run, dataset, data.VALIDATION, ["fc7"], tmp_path / "old", batch=24)
  after = features.load(out / "features" / data.VALIDATION)
  for name, part in before.items():
    np.testing.assert_array_equal(part["fc7"], after[name]["fc7"])


def test_statistics_are_those_of_the_finished_run_and_lie_with_the_new_one(whole):
  _, folder, out, _ = whole
  assert sorted(path.name for path in (out / "mixtures").glob("*.npz")) == [
    "fc6_k1_each_class.npz", "fc7_k1_each_class.npz"]
  assert sorted(path.name for path in folder.iterdir()) == [
    "checkpoints", "config.json", "extended"]


def test_an_extended_run_is_extended_again_and_is_found_done(whole, tmp_path, monkeypatch):
  _, _, out, _ = whole
  run = checkpoint.load_run(out)
  asked = extend.Asked("drawing", terms=extend.NONE)
  found = extended(run, out, tmp_path / "again", asked)
  assert [row.name for row in found.run.modalities] == [
    "natural", "description", "touch", "drawing"]
  assert found.run.config.data.added[1] == "drawing=" and len(found.digests) == 6
  monkeypatch.setattr(train, "run", None)
  assert extended(run, out, tmp_path / "again", asked).result == found.result


def test_the_command_prints_the_table_and_what_is_unchanged(whole):
  _, folder, out, found = whole
  root = found.run.config.data.added[0].partition("=")[2]
  done = subprocess.run(
    [sys.executable, "-m", "launch.extend", f"--workdir={folder}", "--modality=touch",
     f"--data={root}", "--compilation_cache="], cwd=pathlib.Path(__file__).parents[2],
    capture_output=True, text=True, timeout=300, check=False)
  assert done.returncode == 0, done.stderr
  assert "touch added later" in done.stdout and done.stdout.count("  unchanged\n") == 5
  assert (out / "table.txt").exists()


def test_classes_without_training_examples_are_said(whole, root, tmp_path, caplog):
  run, folder = whole[:2]
  more = touch(tmp_path / "more", run.classes[3:])
  config = extend.config_of(run, folder, run.config, extend.Asked("touch", more))
  data.prepare(config.data)
  dataset = opening.open_data(config).encoded
  with caplog.at_level(logging.WARNING):
    extend._tell_missing(config, dataset, dataset.modalities[-1])
  assert f"3 of 24 classes: {', '.join(run.classes[:3])}" in caplog.text


def refused(run, folder, asked, **changes):
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(train, "run", None)
    with pytest.raises(ValueError) as error:
      extended(run, folder, folder / "out", asked, **changes)
  assert not (folder / "out").exists()
  return str(error.value)


@pytest.mark.parametrize("asked, changes, words", [
  (extend.Asked("description"), {}, "has modality 'description' already"),
  (extend.Asked("NAT"), {}, "has modality 'natural' already"),
  (extend.Asked("smell"), {}, "'smell'; this data set has natural"),
  (extend.Asked("drawing"), {"network__trunk": 8}, r"stays .*\n  network.trunk: 8 \| 16"),
  (extend.Asked("drawing"), {"seed": 3}, r"\n  seed: 3 \| 0"),
  (extend.Asked("drawing", terms="by_word"), {}, "method 'by_word'; expected one of"),
  (extend.Asked("drawing", trunk="touch"), {}, "'touch'; this data set has natural, description"),
  (extend.Asked("drawing"), {"optimizer__batch": 12}, "batch size 12 is not divisible by 8"),
  (extend.Asked("drawing", terms="b_gmm"), {"mixture__components": 49}, "expected 48 at most")])
def test_what_cannot_be_asked_is_refused_before_training(whole, asked, changes, words):
  run, folder = whole[:2]
  assert re.search(words, refused(run, folder, asked, **changes))


def test_classes_that_the_run_has_not_are_named(whole, tmp_path):
  run, folder = whole[:2]
  more = touch(tmp_path / "more", (*run.classes[:2], "rose garden"))
  assert "1 classes that are none of the 24" in refused(run, folder, extend.Asked("touch", more))


def test_a_run_that_is_not_finished_or_a_reference_network_is_refused(root, tmp_path):
  half = write(tmp_path / "half", root, step=2)
  assert "2 of 3 steps are done" in refused(half, tmp_path / "half", extend.Asked("drawing"))
  first = write(tmp_path / "first", root, "reference", step=4)
  assert "is a reference network" in refused(first, tmp_path / "first", extend.Asked("drawing"))


def test_another_extension_s_folder_is_refused(whole):
  run, folder, out, _ = whole
  config = extend.config_of(run, folder, run.config, extend.Asked("drawing"))
  with pytest.raises(ValueError, match="holds a run of another config .*\n.*drawing"):
    extend.extend(config, run, out)


def test_parameters_that_changed_are_named(whole):
  run, _, _, found = whole
  params = {**found.run.params, "fc7": {"shared": {
    name: leaf + 1 for name, leaf in found.run.params["fc7"]["shared"].items()}}}
  with pytest.raises(ValueError, match="parameters fc7/shared are"):
    extend.kept(run, found.run._replace(params=params))
