"""Sweeps: ladders as they are written, which runs they make, and that none is made twice."""

import json

import pytest

from cmx import config as config_lib
from cmx.data import opening
from cmx.evaluation import evaluate as evaluate_lib
from cmx.experiment import reproduce
from cmx.experiment import sweep

CONFIG = config_lib.Config()
RESULT = {"modalities": ["NAT", "LDR"], "text": [], "recognition": {"NAT": {"accuracy": 0.5}},
          "tables": [{"map": {"NAT>LDR": 0.2, "LDR>NAT": 0.4, "NAT>NAT": 0.6, "LDR>LDR": 0.6}}]}


@pytest.mark.parametrize("text, expected", [
  ("optimizer.steps=1,20", ("optimizer.steps", [1, 20])),
  ("alignment.weight=0.1,1", ("alignment.weight", [0.1, 1.0])),
  ("mixture.layers=fc6+fc7,fc7", ("mixture.layers", [("fc6", "fc7"), ("fc7",)])),
  ("optimizer.recompute=true,False", ("optimizer.recompute", [True, False])),
  ("evaluation.readout=cosine,centred", ("evaluation.readout", ["cosine", "centred"]))])
def test_a_ladder_s_values_have_their_field_s_type(text, expected):
  assert sweep.parse(CONFIG, text) == expected


@pytest.mark.parametrize("text, message", [
  ("optimizer.steps", "ladder 'optimizer.steps'; expected field=value,value"),
  ("optimizer.steps=", "expected field=value,value"),
  ("optimizer.step=1", "config has no field 'optimizer.step'; 'step' is not among steps, batch"),
  ("optimizer=1", "config.optimizer is a section; expected one of its fields steps"),
  ("optimizer.steps=1.5", "optimizer.steps=1.5; expected a value of type int"),
  ("optimizer.recompute=maybe", "optimizer.recompute=maybe; expected a value of type bool"),
  ("optimizer.steps=3,3", "ladder 'optimizer.steps=3,3' has 3 twice; expected different values"),
  ("seed=1,2", "seed is not swept: expected --rows and --seeds for it")])
def test_a_ladder_that_says_nothing_is_refused(text, message):
  with pytest.raises(ValueError, match=message):
    sweep.parse(CONFIG, text)


@pytest.fixture
def trained(monkeypatch):
  """(method, seed, value of the learning rate, reference's folder) of every run that is trained."""
  calls = []

  def train_row(config, dataset, folder, reference):
    calls.append((config.method, config.seed, config.optimizer.learning_rate, reference))
    folder.mkdir(parents=True)
    return config

  def evaluate(config, dataset, folder):
    (folder / "result.json").write_text(json.dumps(RESULT))
    return RESULT

  monkeypatch.setattr(opening, "open_data", lambda config: opening.Opened(None, None))
  monkeypatch.setattr(reproduce, "train_row", train_row)
  monkeypatch.setattr(evaluate_lib, "evaluate", evaluate)
  return calls


def climb(folder, values=(0.1, 0.2), seeds=2, config=CONFIG):
  return sweep.run(config, folder, ["bl_ind", "c"], seeds, [("optimizer.learning_rate", values)])


def test_there_is_a_point_for_each_value_row_and_seed(trained, tmp_path):
  points = climb(tmp_path)
  assert [(point["value"], point["seed"], point["method"]) for point in points] == [
    (value, seed, row) for value in (0.1, 0.2) for seed in (0, 1) for row in ("bl_ind", "c")]
  assert all(point["mean"] == pytest.approx(0.3) and point["recognition"] == 0.5
             for point in points)
  assert [call[:3] for call in trained] == [
    (point["method"], point["seed"], point["value"]) for point in points]


def test_rows_that_differ_in_how_they_train_share_the_reference_of_their_seed(trained, tmp_path):
  climb(tmp_path)
  references = {seed: {call[3] for call in trained if call[1] == seed} for seed in (0, 1)}
  assert all(len(folders) == 1 for folders in references.values())
  assert references[0] != references[1]


def test_what_is_there_is_not_trained_again_and_a_longer_ladder_goes_on(trained, tmp_path):
  climb(tmp_path)
  before = len(trained)
  climb(tmp_path, values=(0.1, 0.2, 0.3))
  assert [call[2] for call in trained[before:]] == [0.3] * 4


def test_the_ladder_s_field_yields_what_a_row_says_of_it(trained, tmp_path):
  config = config_lib.Config(rows={"c": {"optimizer.learning_rate": 9.0, "optimizer.clip": 2.0}})
  climb(tmp_path, seeds=1, config=config)
  assert {call[2] for call in trained} == {0.1, 0.2}


def test_every_value_is_checked_before_anything_is_trained(trained, tmp_path):
  with pytest.raises(ValueError, match="learning_rate -1.0; expected 0 or more"):
    climb(tmp_path, values=(0.1, -1.0))
  assert not trained and not list(tmp_path.iterdir())
