"""The loss of a step: the mean of the modalities' cross entropies, and what a row adds."""

import numpy as np
import pytest
from scipy import special

from cmx import config as config_lib
from cmx import methods
from cmx import modalities
from cmx.alignment import given
from cmx.training import gradient
from cmx.training import loss

ROWS = (modalities.NATURAL._replace(shape=(4,)), modalities.DESCRIPTION._replace(shape=(4,)))


def test_the_loss_of_a_row_without_terms_is_the_mean_cross_entropy_of_its_modalities():
  rng = np.random.default_rng(0)
  logits = {row.name: rng.normal(size=(5, 3)).astype(np.float32) for row in ROWS}
  batch = {row.name: {"label": np.array([0, 1, 2, 1, 0])} for row in ROWS}
  judge = loss.judged(config_lib.Config(method="bl_ind"), methods.named("bl_ind"), ROWS)
  total, observed = judge({}, {name: {"fc8": x} for name, x in logits.items()}, batch,
                          given.Constants(), None)
  each = [-np.mean([special.log_softmax(x)[label] for x, label in zip(
    logits[row.name], batch[row.name]["label"])]) for row in ROWS]
  assert float(total) == pytest.approx(np.mean(each), rel=1e-5)
  for row, value in zip(ROWS, each):
    assert float(observed.metrics[f"loss/{row.name}"]) == pytest.approx(value, rel=1e-5)


def test_parts_of_a_batch_that_are_worked_off_in_turn_have_their_mean():
  x = np.arange(12.0, dtype=np.float32)
  found = gradient._accumulated(lambda part: {"sum": part.sum()}, x, 4)
  assert float(found["sum"]) == 66 / 4
