"""How a decoder is trained: losses in the log, the average that draws, and a loss that fails."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx.analysis.inversion import objective
from cmx.analysis.inversion import plan as plan_lib
from cmx.analysis.inversion import training
from cmx.training import checkpoint

SETTINGS = config_lib.Inversion(layer="fc7", maps=(4, 8), depth=1, steps=4, batch=8, gallery=20,
                                average=0.5)


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
  """A decoder's folder, its lines of metrics and its plan."""
  folder = tmp_path_factory.mktemp("decoder") / "fc7"
  plan = plan_lib.plan(run, SETTINGS)
  training.train(plan, folder)
  lines = (folder / "metrics.jsonl").read_text().splitlines()
  return folder, [json.loads(line) for line in lines], plan


def test_the_log_has_the_velocity_s_error_and_the_picture_s_which_is_smaller(trained):
  _, lines, _ = trained
  assert all(0 < line["loss/image"] < line["loss"] for line in lines)


def test_what_draws_is_the_average_of_the_weights(trained):
  folder, _, plan = trained
  kept = checkpoint.load_run(folder).params
  assert set(kept) == {"decoder", "average", "statistics"}
  drawn = training.train(plan, folder)
  for name, expected in (("average", True), ("decoder", False)):
    same = jax.tree.map(lambda a, b: bool((a == b).all()), drawn["decoder"], kept[name])
    assert all(jax.tree.leaves(same)) == expected


def test_the_average_forgets_the_first_weights_at_its_rate():
  weights, transform = {"decoder": {"w": jnp.float32(3.0)}}, objective.optimizer(SETTINGS)
  state = training.loop.State(jnp.int32(100), weights, {"average": {"w": jnp.float32(1.0)}},
                              transform.init(weights))
  found = objective.updated(state, {"decoder": {"w": jnp.float32(0.0)}}, transform, 0.75)
  assert float(found.frozen["average"]["w"]) == pytest.approx(0.75 * 1 + 0.25 * 3)


def test_a_loss_that_is_not_finite_stops_and_the_last_checkpoint_is_from_before(
    run, tmp_path, monkeypatch):
  loss = objective.flow.loss
  monkeypatch.setattr(objective.flow, "loss",
                      lambda found, images, times: loss(found, images, times) * jnp.nan)
  run.config.log.checkpoint_seconds, before = 0.0, run.config.log.checkpoint_seconds
  try:
    with pytest.raises(FloatingPointError, match="not finite at step 1: .*loss nan"):
      training.train(plan_lib.plan(run, SETTINGS), tmp_path / "fc7")
  finally:
    run.config.log.checkpoint_seconds = before
  step = checkpoint.latest_step(tmp_path / "fc7")
  assert not step or all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(
    checkpoint.load_run(tmp_path / "fc7").params))
