"""The best step of a run by held-out training examples, and when to look no further.

The best parameters so far travel in the run's own checkpoints, so that a run that was stopped
chooses what it would have chosen. The last checkpoint of a run that selects holds the chosen
parameters under the number of the last step: to everything else it is a finished run like any
other.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from cmx import config as config_lib
from cmx.network import model

SCORE = "held_out_score"  # what metrics call it


class Selection:
  """What was best so far.

  Attributes:
    step: after which it was; 0 before the first look.
    score: of it, the larger the better.
    params: it, on the host.
  """

  def __init__(self, judge: Callable[[model.Params], float], log: config_lib.Log, last: int):
    """Nothing is best yet.

    Args:
      judge: params, on every device -> score.
      log: `patience` of it, and how often it is looked.
      last: steps done before the last phase, in which alone training may end early.
    """
    self.step, self.score, self.params = 0, -np.inf, None
    self._judge, self._last = judge, last
    self._patience = log.patience * log.validation_steps

  def look(self, step: int, params: model.Params) -> dict[str, float]:
    """Scores the parameters after a step, keeps them where they are best; for the metrics."""
    score = float(self._judge(params))
    if step > self.step and score > self.score:  # the first of equal ones
      self.step, self.score, self.params = step, score, jax.device_get(params)
    return {SCORE: score}

  def over(self, step: int) -> bool:
    """Whether so many looks of the last phase were no better that training is to end."""
    return bool(self._patience) and step - max(self.step, self._last) >= self._patience

  def saved(self) -> dict[str, Any]:
    """What a checkpoint has to keep, a tree of arrays; {} before the first look."""
    return {} if self.params is None else {
      "step": np.int64(self.step), "score": np.float64(self.score), "params": self.params}

  def restore(self, saved: dict[str, Any]) -> None:
    """Goes on from what `saved` gave."""
    if saved:
      self.step, self.score = int(saved["step"]), float(saved["score"])
      self.params = saved["params"]
