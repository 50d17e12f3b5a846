"""The best step by held-out examples: what is kept, when training ends, what a run remembers."""

import numpy as np
import pytest

from cmx import config as config_lib
from cmx.training import selection


def chosen(scores, *, patience=0, last=0):
  """A selection that has looked after steps 10, 20 ..., and the step that it called the last."""
  values = iter(scores)
  found = selection.Selection(lambda params: next(values), config_lib.Log(
    validation_steps=10, patience=patience), last)
  for step in range(10, 10 * len(scores) + 1, 10):
    found.look(step, {"weight": np.array([step])})
    if found.over(step):
      return found, step
  return found, None


def test_the_first_of_the_best_is_kept():
  found, _ = chosen([0.1, 0.5, 0.3, 0.5])
  assert (found.step, found.score) == (20, 0.5)
  assert found.params == {"weight": np.array([20])}


@pytest.mark.parametrize("patience, last, end", [(2, 0, 40), (1, 0, 30), (0, 0, None),
                                                 (2, 30, 50), (2, 60, None)])
def test_patience_counts_looks_of_the_last_phase_since_the_best(patience, last, end):
  assert chosen([0.1, 0.5, 0.3, 0.2, 0.1, 0.0], patience=patience, last=last)[1] == end


def test_a_resumed_selection_takes_no_step_twice():
  before, _ = chosen([0.1, 0.5])
  after = selection.Selection(lambda params: 0.6, config_lib.Log(), 0)
  after.restore(before.saved())
  assert (after.step, after.score, after.params) == (20, 0.5, {"weight": np.array([20])})
  assert after.look(20, {"weight": np.array([-1])}) == {"held_out_score": 0.6}
  assert after.score == 0.5  # a step that was judged before, on other devices by other last bits


def test_nothing_is_saved_before_the_first_look():
  found, _ = chosen([])
  assert found.saved() == {}
  found.restore({})
  assert (found.step, found.params) == (0, None)
