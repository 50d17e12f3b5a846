import json

import jax
import numpy as np
import pytest

import tiny
import untrained
from cmx import data
from cmx.data import opening
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
