"""Inverting a run, from a work directory to pictures and table. The run was never trained."""

import json

import jax
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx.analysis import figures
from cmx.analysis.inversion import feature_pictures
from cmx.analysis.inversion import invert
from cmx.analysis.inversion import plan as plan_lib
from cmx.analysis.inversion import readings
from cmx.analysis.inversion import result as result_lib
from cmx.analysis.inversion import training
from cmx.data import opening
from cmx.evaluation import features as features_lib
from cmx.training import checkpoint
from cmx.training import loop

SETTINGS = config_lib.Inversion(
  layer="fc7", maps=(4, 8), depth=1, steps=4, batch=8, gallery=20, examples=20, categories=2,
  drawing=2,
  optimisation=config_lib.Optimisation(steps=2, units=2))


def settings(**changes):
  return fields.replace(config_lib.Config(inversion=SETTINGS), {
    f"inversion.{name.replace('__', '.')}": value for name, value in changes.items()}).inversion


@pytest.fixture(scope="module")
def plan(run):
  return plan_lib.plan(run, SETTINGS)


@pytest.fixture(scope="module")
def inverted(run, tmp_path_factory):
  """A run's work directory after evaluation and inversion, and the result of the latter."""
  folder = tmp_path_factory.mktemp("run")
  features_lib.extract(run, opening.open_data(run.config).encoded, data.VALIDATION, ["fc7", "fc8"],
                       folder / "features" / data.VALIDATION, batch=run.config.evaluation.batch)
  result, where = invert.invert(run, folder, SETTINGS)
  return folder, result, where


def leaves(tree):
  return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


# What it leaves.

def test_everything_lies_below_the_run(inverted):
  folder, _, where = inverted
  assert where == folder / "inversion" / "fc7" and result_lib.folders(folder) == [where]
  assert {path.name for path in where.iterdir()} >= {
    "config.json", "checkpoints", "metrics.jsonl", "gallery", "result.json", "pictures.npz",
    "table.txt", "table.csv", "sheet.png", "sheet.pdf", "spectra.png", "units.png", "units.pdf"}
  assert not (where / "validation").exists()  # the evaluation's features are there


def test_every_modality_is_measured_as_it_is_and_moved_and_the_reference_has_an_error(inverted):
  rows = inverted[1].content["rows"]
  assert [(row["modality"], row["moved"]) for row in rows] == [
    ("natural", False), ("drawing", False), ("drawing", True), ("description", False),
    ("description", True)]
  assert [row["examples"] for row in rows] == [20] * 5
  assert ["error" in row["measures"] for row in rows] == [True] + [False] * 4
  assert all({"cosine", "nearer", "kept", "same", "gradient", "spectrum"} <= row["measures"].keys()
             for row in rows)
  assert ["real" in row["measures"]["gradient"] for row in rows] == [True] + [False] * 4


def test_there_is_a_tile_for_each_modality_and_category_each_way(inverted):
  _, result, _ = inverted
  tiles = result.content["tiles"]
  assert [(tile["modality"], tile["category"]) for tile in tiles] == [
    (modality, category) for modality in ("natural", "drawing", "description")
    for category in (tiles[0]["category"], tiles[1]["category"])]
  for way in ("inverted", "second", "third", "moved", "nearest"):
    assert result.pictures[way].shape == (6, 32, 32, 3) and result.pictures[way].dtype == np.uint8
    assert all(-1 <= tile[way]["cosine"] <= 1.001 for tile in tiles if way in tile)
  assert ["moved" in tile for tile in tiles] == [False] * 2 + [True] * 4


def test_units_are_looked_for_through_every_tower_of_pixels(inverted):
  _, result, _ = inverted
  assert result.content["units"]["modalities"] == ["natural", "drawing"]
  assert result.pictures["units"].shape == (2, 2, 32, 32, 3)


def test_running_it_again_trains_nothing_and_gives_the_same(run, inverted, monkeypatch):
  folder, result, _ = inverted
  monkeypatch.setattr(loop, "run", lambda *_, **__: pytest.fail("trains again"))
  monkeypatch.setattr(figures, "write", lambda figure, folder, name: None)  # takes the time
  again, _ = invert.invert(run, folder, SETTINGS)
  assert json.dumps(again.content) == json.dumps(result.content)
  assert leaves(again.pictures) == leaves(result.pictures)


def test_drawing_and_categories_may_change_but_not_how_the_decoder_is_trained(run, inverted):
  folder, _, where = inverted
  result, _ = invert.invert(run, folder, settings(categories=1, drawing=1, optimisation__steps=0))
  assert len(result.content["tiles"]) == 3 and result.content["units"] is None
  with pytest.raises(ValueError, match="inversion.learning_rate: 0.5 | 0.001"):
    invert.invert(run, folder, settings(learning_rate=0.5))
  assert checkpoint.latest_step(where) == 4


def test_features_that_the_evaluation_does_not_have_are_extracted(plan, inverted, tmp_path):
  place, found = invert.validation(plan, tmp_path, tmp_path / "inversion")
  assert place == tmp_path / "inversion" / "validation"
  evaluated = features_lib.load(inverted[0] / "features" / data.VALIDATION)
  for modality, part in found.items():
    np.testing.assert_array_equal(part["fc7"], evaluated[modality]["fc7"])


# Training.

def test_stopped_and_resumed_it_gives_the_same_decoder_to_the_bit(run, plan, inverted, tmp_path,
                                                                     monkeypatch):
  whole = checkpoint.load_run(inverted[2]).params
  save, kept = loop.save, []

  def stop(state, checkpoints, card):
    save(state, checkpoints, card)
    checkpoints.wait()
    kept.append(int(state.step))
    if len(kept) == 1:
      raise KeyboardInterrupt

  monkeypatch.setattr(loop, "save", stop)
  run.config.log.checkpoint_seconds, before = 0.0, run.config.log.checkpoint_seconds
  try:
    with pytest.raises(KeyboardInterrupt):
      training.train(plan, tmp_path / "fc7")
    training.train(plan, tmp_path / "fc7")
  finally:
    run.config.log.checkpoint_seconds = before
  assert kept[0] == 1 and kept[-1] == 4
  assert leaves(checkpoint.load_run(tmp_path / "fc7").params) == leaves(whole)


def test_the_batch_of_a_step_is_its_own_and_has_what_the_tower_reads(plan):
  first, again, other = (training.batch_at(plan, step) for step in (3, 3, 4))
  assert leaves(first) == leaves(again) != leaves(other)
  assert first["image"].shape == (8, 32, 32, 3) and first["image"].dtype == np.uint8
  np.testing.assert_array_equal(first["image"], first["input"])


def test_training_starts_from_the_mean_picture(plan, inverted):
  constants = training.statistics(plan, training.gallery(plan, inverted[2]))
  source = plan.pictures.splits[data.TRAIN]["natural"]
  mean = np.mean([source[i]["input"] for i in range(len(source))], axis=0) / 127.5 - 1
  np.testing.assert_allclose(constants["image"], mean, atol=1e-5)
  assert constants["scale"] > 0 and constants["mean"].shape == (16,)


def test_a_batch_that_the_devices_cannot_share_is_refused_before_anything_is_written(run, tmp_path):
  with pytest.raises(ValueError, match="batch size 9 is not divisible by 8 devices"):
    invert.invert(run, tmp_path, settings(batch=9))
  assert not list(tmp_path.rglob("*"))


# Reading.

def test_pictures_are_those_of_the_row_in_the_features_order(plan):
  order = features_lib.order(24)
  shown = readings.pictures(plan, data.VALIDATION, [5, 0])
  source = plan.pictures.splits[data.VALIDATION]["natural"]
  for picture, row in zip(shown, (5, 0)):
    np.testing.assert_array_equal(picture, source[int(order[row])]["input"])


def test_the_reader_gives_what_the_run_gave(plan, inverted):
  features = features_lib.load(inverted[0] / "features" / data.VALIDATION)["natural"]
  read = readings.reader(plan)(readings.pictures(plan, data.VALIDATION, range(24)))
  np.testing.assert_allclose(read.features, features["fc7"], atol=1e-5)
  np.testing.assert_allclose(read.logits, features["fc8"], atol=1e-5)


# Seeking.

def test_the_liveliest_units_are_those_that_vary_most(plan):
  x = np.zeros((6, 16), np.float32)
  x[:, 3], x[:, 9] = np.arange(6), 2 * np.arange(6)
  found = feature_pictures.liveliest(plan, x, 2)
  assert found.numbers == (9, 3)
  assert found.directions.argmax(axis=1).tolist() == [9, 3] and found.directions.sum() == 2


def test_a_unit_of_maps_is_a_channel_and_its_mean_is_sought(plan):
  maps = plan._replace(features=(2, 2, 4))
  x = np.zeros((5, 16), np.float32).reshape(5, 4, 4)
  x[..., 2] = np.arange(5)[:, None]
  found = feature_pictures.liveliest(maps, x.reshape(5, 16), 1)
  assert found.numbers == (2,)
  assert found.directions.reshape(4, 4).tolist() == [[0, 0, 0.25, 0]] * 4


# What cannot be.

@pytest.mark.parametrize("changes, message", [
  ({"layer": "fc9"}, "inversion.layer 'fc9'; expected one of "),
  ({"size": 64}, "inversion.size 64; the run's tower reads pictures of 32 pixels: expected 0, or"),
  ({"maps": (8, 6)}, "inversion.maps 8,6; expected two numbers, .* second divisible by 4"),
  ({"maps": (8,)}, "inversion.maps 8; expected two numbers"),
  ({"optimisation__parameterisation": "wavelets"},
   "parameterisation 'wavelets'; expected one of fourier")])
def test_settings_that_do_not_fit_the_run_are_refused(run, changes, message):
  with pytest.raises(ValueError, match=message):
    plan_lib.plan(run, settings(**changes))


def test_a_reference_without_pictures_is_refused(run):
  texts = run._replace(modalities=run.modalities[2:])
  with pytest.raises(ValueError, match="modality 'description' has no pictures: it is text"):
    plan_lib.plan(texts, SETTINGS)


def test_a_data_set_that_is_gone_is_named(run, tmp_path):
  gone = run._replace(config=fields.replace(run.config, {"data.root": str(tmp_path)}))
  with pytest.raises((FileNotFoundError, ValueError), match="rendered_world"):
    plan_lib.plan(gone, SETTINGS)


def test_a_picture_hangs_on_its_features_row_and_number_and_on_nothing_else(plan, inverted):
  params = training.train(plan, inverted[2])
  params["decoder"]["last"]["kernel"] = np.random.default_rng(0).normal(
    size=params["decoder"]["last"]["kernel"].shape).astype(np.float32)  # it starts near nothing
  x = features_lib.load(inverted[0] / "features" / data.VALIDATION)["natural"]["fc7"][:3]
  paint = readings.painter(plan, params)
  found = paint(x, range(3), 0)
  assert found.shape == (3, 32, 32, 3) and found.dtype == np.uint8
  np.testing.assert_array_equal(paint(x[[2, 0]], [2, 0], 0), found[[2, 0]])
  for other in (paint(x, range(3), 1), paint(x, range(1, 4), 0), paint(x[::-1], range(3), 0)):
    assert (other[0] != found[0]).any()


def test_a_decoder_of_another_run_s_weights_is_refused(run, inverted):
  _, _, where = inverted
  other = run._replace(params=jax.tree.map(lambda x: x + 1, run.params))
  with pytest.raises(ValueError, match="decoder for other weights of the run.*Remove this fold"):
    training.train(plan_lib.plan(other, SETTINGS), where)
