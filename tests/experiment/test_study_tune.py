"""Hyper-parameters: as many trials for every row, judged on what was held out."""

import pytest

from cmx import config as config_lib
from cmx.experiment.study import tune

LADDERS = [("alignment.weight", [0.1, 1.0]), ("optimizer.steps", [5, 6])]
TRIALS = ["alignment.weight=0.1, optimizer.steps=5", "alignment.weight=0.1, optimizer.steps=6",
          "alignment.weight=1.0, optimizer.steps=5", "alignment.weight=1.0, optimizer.steps=6"]


def scores(**rows):
  return {(row, trial): score for row, found in rows.items()
          for trial, score in zip(TRIALS, found, strict=True)}


def test_each_row_is_given_its_best_trial_the_first_of_equals():
  found = tune.choose(LADDERS, scores(c=[0.2, 0.5, 0.3, 0.5], bl_ind=[0.1] * 4), ["c", "bl_ind"])
  assert found["c"].values == {"alignment.weight": 0.1, "optimizer.steps": 6}
  assert found["bl_ind"].values == {"alignment.weight": 0.1, "optimizer.steps": 5}
  assert found["c"].trials == dict(zip(TRIALS, [0.2, 0.5, 0.3, 0.5]))


def test_a_trial_that_failed_is_never_the_best():
  found = tune.choose(LADDERS, scores(c=[None, None, 0.01, None]), ["c"])
  assert found["c"].values == {"alignment.weight": 1.0, "optimizer.steps": 5}
  with pytest.raises(ValueError, match="all 4 trials of row 'c' failed"):
    tune.choose(LADDERS, scores(c=[None] * 4), ["c"])


def test_the_rule_says_how_many_trials_on_what_and_judged_by_what():
  words = tune.rule(LADDERS, 0.2, 7)
  for part in ("every row had 4 trials", "alignment.weight of 0.1, 1.0", "optimizer.steps of 5, 6",
               "seed 7", "80 % of each training cell", "mean mAP on the other 20 %"):
    assert part in words


def test_trials_hold_out_a_share_of_what_the_study_trains_on():
  config = config_lib.Config()
  assert tune.held_out(config, 0.3).data.holdout == 0.3 and config.data.holdout == 0.0
  config.data.holdout = 0.1
  with pytest.raises(ValueError, match="data.holdout 0.1"):
    tune.held_out(config, 0.3)
  with pytest.raises(ValueError, match="holdout 1.0; expected"):
    tune.held_out(config_lib.Config(), 1.0)


def test_choices_are_plain_values_for_a_file():
  found = tune.choose([("mixture.layers", [("fc6", "fc7"), ("fc7",)])],
                      {("c", "mixture.layers=fc6+fc7"): 0.1, ("c", "mixture.layers=fc7"): 0.2},
                      ["c"])
  assert tune.to_json(found) == {"c": {"chosen": {"mixture.layers": "fc7"}, "trials": {
    "mixture.layers=fc6+fc7": 0.1, "mixture.layers=fc7": 0.2}}}


def test_the_rule_writes_values_of_several_members_as_they_are_given():
  words = tune.rule([("mixture.layers", [("fc6", "fc7"), ("fc7",)])], 0.25, 0)
  assert "2 trials (mixture.layers of fc6+fc7, fc7)" in words and "on 75 %" in words


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_trials_hold_out_something_and_never_all(share):
  with pytest.raises(ValueError, match=f"holdout {share}; expected a share between 0 and 1"):
    tune.held_out(config_lib.Config(), share)


def test_a_score_of_zero_is_above_a_trial_that_failed():
  found = tune.choose(LADDERS, scores(c=[None, None, 0.0, None]), ["c"])
  assert found["c"].values == {"alignment.weight": 1.0, "optimizer.steps": 5}
