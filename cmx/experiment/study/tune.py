"""Hyper-parameters, chosen on held-out training examples: the same number of trials for every row.

A trial is the row's run of the first seed, trained on what is left of each training cell and judged
by its mean mAP on the part held out. What validation says is not looked at.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cmx import config as config_lib
from cmx.experiment.study import plan

class Choice(NamedTuple):
  """What a row was given.

  Attributes:
    values: the best trial's, {dotted field: value}.
    trials: {values as printed: score, a fraction, or None where training failed}.
  """

  values: plan.Values
  trials: Mapping[str, float | None]


def held_out(config: config_lib.Config, share: float) -> config_lib.Config:
  """The config of trials.

  Raises:
    ValueError: if the config holds training examples out itself, or the share is not between 0 and
      1.
  """
  if config.data.holdout:
    raise ValueError(f"data.holdout {config.data.holdout} with --tune, which holds out itself; "
                     "expected 0, so that the study is evaluated on validation")
  if not 0 < share < 1:
    raise ValueError(f"holdout {share}; expected a share between 0 and 1")
  return dataclasses.replace(config, data=dataclasses.replace(config.data, holdout=share))


def choose(ladders: Sequence[plan.Ladder], scores: Mapping[tuple[str, str], float | None],
           rows: Sequence[str]) -> dict[str, Choice]:
  """The best trial of each row; the first of equals.

  Args:
    ladders: fields and values that were tried, each value with each of the other fields'.
    scores: {(row, values as printed): score or None where training failed}.
    rows: keys of methods.

  Raises:
    ValueError: if all trials of a row have failed.
  """
  found = {}
  for row in rows:
    tried = plan.combinations(ladders)
    trials = {plan.label(values): scores[row, plan.label(values)] for values in tried}
    if all(score is None for score in trials.values()):
      raise ValueError(f"all {len(trials)} trials of row {row!r} failed: their loss was not finite."
                       " Expected one that trains: lower the values, or leave out the row")
    best = max(tried, key=lambda values: -math.inf if (score := trials[plan.label(values)]) is None
               else score)
    found[row] = Choice(best, trials)
  return found


def rule(ladders: Sequence[plan.Ladder], share: float, seed: int) -> str:
  """How the hyper-parameters were chosen, in words."""
  tried = "; ".join(f"{field} of {', '.join(str(plan.plain(value)) for value in values)}"
                    for field, values in ladders)
  count = len(plan.combinations(ladders))
  return (f"Chosen on held-out training examples: every row had {count} trials ({tried}), each "
          f"trained with seed {seed} on {100 * (1 - share):.0f} % of each training cell and judged "
          f"by mean mAP on the other {100 * share:.0f} %; the best, the first of equals, is used "
          "for all seeds. Validation had no part in it.")


def to_json(choices: Mapping[str, Choice]) -> dict[str, Any]:
  """Choices as plain values."""
  return {row: {"chosen": {field: plan.plain(value) for field, value in choice.values.items()},
                "trials": dict(choice.trials)} for row, choice in choices.items()}
