import json

import jax
import numpy as np
import pytest

import tiny
import untrained
from cmx import data
from cmx.data import opening
from cmx.data import splits
from cmx.evaluation import features
from cmx.evaluation import retrieval
from cmx.evaluation import validation
from cmx.runtime import devices


def test_cross_entropy_is_in_nats():
  logits = np.array([[0.0, np.log(3.0)], [np.log(3.0), 0.0]], np.float32)
  assert validation.cross_entropy(logits, np.array([1, 1])) == pytest.approx(
    (-np.log(0.75) - np.log(0.25)) / 2)


def test_a_look_recognises_what_evaluation_does(tmp_path):
  tiny.dataset(tmp_path, **tiny.TWO)
  run = untrained.run(tmp_path)
  dataset = opening.open_data(run.config).encoded
  found = validation.watcher(run.config, dataset)(devices.replicate(run.params))
  extracted = features.extract(run, dataset, data.VALIDATION, ["fc8"], tmp_path / "features",
                               batch=run.config.evaluation.batch)
  assert set(found) == {f"validation_{what}/{row.name}" for what in ("loss", "accuracy")
                        for row in run.modalities}
  for name, part in extracted.items():
    expected = retrieval.recognition(part["fc8"], part["label"]).accuracy
    assert found[f"validation_accuracy/{name}"] == pytest.approx(expected)
    losses = -jax.nn.log_softmax(part["fc8"])[np.arange(len(part["label"])), part["label"]]
    assert found[f"validation_loss/{name}"] == pytest.approx(float(losses.mean()), rel=1e-5)
  assert json.dumps(found)


def test_a_judge_says_what_the_main_table_would_of_what_is_held_out(tmp_path):
  tiny.dataset(tmp_path, **tiny.TWO)
  run = untrained.run(tmp_path)
  held = splits.hold_out(opening.open_data(run.config).encoded, 0.5)
  score = validation.judge(run.config, held)(devices.replicate(run.params))
  extracted = features.extract(run, held, data.VALIDATION, ["fc7"], tmp_path / "features",
                               batch=run.config.evaluation.batch)
  mean = retrieval.retrieval_table(extracted, "fc7", "cosine").mean
  assert len(mean) == 3
  assert score == pytest.approx(
    (mean[0, 1] + mean[0, 2] + mean[1, 0] + mean[1, 2] + mean[2, 0] + mean[2, 1]) / 6, abs=1e-6)


def test_a_judge_of_one_modality_goes_by_cross_entropy(tmp_path):
  tiny.dataset(tmp_path, **tiny.TWO)
  run = untrained.run(tmp_path, "reference")
  held = splits.hold_out(opening.open_data(run.config).encoded, 0.5)
  held = held._replace(modalities=held.modalities[:1])
  score = validation.judge(run.config, held)(devices.replicate(run.params))
  part = features.extract(run, held, data.VALIDATION, ["fc8"], tmp_path / "features",
                          batch=run.config.evaluation.batch)["natural"]
  assert score == pytest.approx(-validation.cross_entropy(part["fc8"], part["label"]), rel=1e-5)


def test_nothing_held_out_is_refused(tmp_path):
  dataset = tiny.dataset(tmp_path, **tiny.TWO, data__world__natural=1)
  held = splits.hold_out(dataset, 0.5)
  with pytest.raises(ValueError, match="0 examples of 'natural' held out; expected 2 or more"):
    validation.judge(tiny.config(tmp_path, **tiny.TWO), held)


def test_held_out_classes_that_no_two_modalities_share_are_refused(tmp_path):
  dataset = tiny.dataset(tmp_path, **tiny.TWO)
  train = dataset.splits[data.TRAIN]
  apart = {name: splits.Subset(source, np.flatnonzero((np.asarray(source.labels) < 12) == low))
           for (name, source), low in zip(train.items(), (True, False))}
  held = splits.hold_out(dataset._replace(splits={**dataset.splits, data.TRAIN: apart}), 0.5)
  with pytest.raises(ValueError, match="no class held out in two modalities"):
    validation.judge(tiny.config(tmp_path, **tiny.TWO), held)
