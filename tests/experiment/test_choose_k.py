"""Ladders of mixtures: what each rung says, where it is kept, what is refused."""

import csv
import json

import numpy as np
import pytest
from sklearn import mixture as sklearn_mixture

import tiny
from cmx import data
from cmx.analysis import figures
from cmx.data import opening
from cmx.evaluation import features
from cmx.experiment import choose_k
from cmx.experiment import mixtures
import untrained


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
  """Folder, config and rungs of a reference network that was never trained."""
  root, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("reference")
  tiny.dataset(root)
  run = untrained.run(root, "reference")
  config = tiny.config(root, "c", mixture__iterations=3)
  dataset = opening.open_data(run.config).encoded
  return folder, config, run, dataset, choose_k.climb(config, run, dataset, folder, [3, 1, 2])


def test_layers_stand_in_order_and_components_rise(climbed):
  assert [(rung["layer"], rung["components"]) for rung in climbed[-1]] == [
    (layer, k) for layer in ("fc6", "fc7") for k in (1, 2, 3)]
  assert all(rung["examples"] == 48 and rung["width"] == 16 for rung in climbed[-1])


def test_a_gaussian_s_numbers_are_scikit_learn_s(climbed):
  folder, config, run, dataset, rungs = climbed
  train = features.extract(run, dataset, data.TRAIN, ["fc7"], folder / "train", batch=24)
  held_out = features.load(folder / choose_k.NAME / data.VALIDATION)["natural"]["fc7"]
  kept = mixtures.fit_of_layer(config, run, dataset, folder, "fc7", 1).fit.mixture
  model = sklearn_mixture.GaussianMixture(1, covariance_type="diag")
  model.weights_, model.means_, model.covariances_ = kept.weight, kept.mean, kept.variance
  model.precisions_cholesky_ = 1 / np.sqrt(kept.variance)
  rung = next(rung for rung in rungs if rung["layer"] == "fc7" and rung["components"] == 1)
  x = np.asarray(train["natural"]["fc7"], np.float64)
  assert rung["train"] == pytest.approx(model.score(x) / 16, rel=1e-4)
  assert rung["held_out"] == pytest.approx(model.score(np.float64(held_out)) / 16, rel=1e-4)
  assert rung["bic"] == pytest.approx(model.bic(x) / 48, rel=1e-4)


def test_rungs_that_are_there_are_read(climbed, monkeypatch):
  folder, config, run, dataset, rungs = climbed
  monkeypatch.setattr(choose_k.em, "fit", lambda *_, **__: pytest.fail("fits again"))
  assert json.dumps(choose_k.climb(config, run, dataset, folder, [1, 2, 3])) == json.dumps(rungs)


def test_table_and_plot_are_written_and_the_best_is_named(climbed, monkeypatch):
  folder, rungs = climbed[0], climbed[-1]
  drawn = []
  monkeypatch.setattr(figures, "write", lambda figure, *place: drawn.append((figure, *place)))
  text = choose_k.write(folder, rungs)
  assert (folder / "ladder" / "ladder.txt").read_text() == text
  best = max(rungs[:3], key=lambda rung: rung["held_out"])["components"]
  assert f"fc6: best held out at K = {best}" in text
  assert json.loads((folder / "ladder" / "ladder.json").read_text()) == rungs
  with (folder / "ladder" / "ladder.csv").open() as file:
    assert [int(row["components"]) for row in csv.DictReader(file)] == [1, 2, 3, 1, 2, 3]
  (figure, *place), = drawn
  assert place == [folder / "ladder", "ladder"]
  lines = figure.axes[0].get_lines()[:2]
  for line, key in zip(lines, ("held_out", "train")):
    np.testing.assert_allclose(line.get_ydata(), [rung[key] for rung in rungs[:3]])


@pytest.mark.parametrize("components, message", [
  ([], "no numbers of components; expected 1 or more"),
  ([2, 0], "0 components, 1 restarts; expected 1 or more of each"),
  ([49], "48 examples.*49 components|49 components.*48")])
def test_rungs_that_cannot_be_are_refused(climbed, components, message):
  folder, config, run, dataset, _ = climbed
  with pytest.raises(ValueError, match=message):
    choose_k.climb(config, run, dataset, folder, components)
  assert not list(folder.glob("mixtures/*_k49_*.npz"))


def test_more_components_than_examples_are_refused_before_any_fit(climbed, monkeypatch):
  folder, config, run, dataset, _ = climbed
  monkeypatch.setattr(mixtures, "fit_of_layer", None)  # it would be work
  with pytest.raises(ValueError, match="49 components; expected 48 at most"):
    choose_k.climb(config, run, dataset, folder, [1, 49])
