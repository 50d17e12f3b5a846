"""What a generator is trained by: terms, shares, weights, and a discriminator that fails."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cmx import config as config_lib
from cmx import fields
from cmx.analysis.inversion import objective
from cmx.analysis.inversion import plan as plan_lib
from cmx.analysis.inversion import training
from cmx.training import checkpoint

SETTINGS = config_lib.Inversion(
  layer="fc7", hidden=(8,), channels=(4, 4, 4), steps=4, batch=8, gallery=20, average=0.5,
  adversarial_start=0.5, discriminator=(4,))


def plan_of(run, **changes):
  return plan_lib.plan(run, fields.replace(config_lib.Config(inversion=SETTINGS), {
    f"inversion.{name}": value for name, value in changes.items()}).inversion)


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
  """A generator's folder, its lines of metrics and its plan."""
  folder, plan = tmp_path_factory.mktemp("generator") / "fc7", plan_of(run)
  training.train(plan, folder)
  lines = (folder / "metrics.jsonl").read_text().splitlines()
  return folder, [json.loads(line) for line in lines], plan


def test_the_loss_is_the_weighted_sum_of_its_terms(trained):
  _, lines, _ = trained
  alone, judged = lines[0], lines[-1]
  terms = lambda line: line["loss/image"] + line["loss/pool5"] + line["loss/fc6"] + 4 * line[
    "loss/fc7"]
  assert alone["loss"] == pytest.approx(terms(alone), rel=1e-4)
  more = 0.05 * judged["loss/adversarial"] + judged["loss/discriminator"]
  assert judged["loss"] == pytest.approx(terms(judged) + more, rel=1e-4)


def test_every_term_has_its_share_of_the_gradient_in_the_log(trained):
  _, lines, _ = trained
  for line, terms in ((lines[0], 2), (lines[-1], 3)):
    shares = [value for name, value in line.items() if name.startswith("share/")]
    assert len(shares) == terms and sum(shares) == pytest.approx(1, abs=1e-4)


def test_the_discriminator_begins_when_it_is_told_to(trained):
  _, lines, _ = trained
  assert [line["step"] for line in lines if "loss/discriminator" in line] == [3, 4]
  assert lines[2]["loss/discriminator"] == pytest.approx(np.log(2), abs=0.1)


def test_what_draws_is_the_average_of_the_weights(trained, monkeypatch):
  folder, _, plan = trained
  kept = checkpoint.load_run(folder).params
  assert set(kept) == {"generator", "discriminator", "average", "statistics"}
  drawn = training.train(plan, folder)
  for name, expected in (("average", True), ("generator", False)):
    same = jax.tree.map(lambda a, b: bool((a == b).all()), drawn["generator"], kept[name])
    assert all(jax.tree.leaves(same)) == expected


def test_the_average_forgets_the_first_weights_at_its_rate():
  state = training.loop.State(
    jnp.int32(100), {"generator": {"w": jnp.float32(3.0)}}, {"average": {"w": jnp.float32(1.0)}},
    objective.optimizer(SETTINGS).init({"generator": {"w": jnp.float32(3.0)}}))
  found = objective._updated(state, {"generator": {"w": jnp.float32(0.0)}},
                             objective.optimizer(SETTINGS), 0.75)
  assert float(found.frozen["average"]["w"]) == pytest.approx(0.75 * 1 + 0.25 * 3)


def test_without_a_weight_there_is_no_discriminator(run, tmp_path):
  training.train(plan_of(run, adversarial_weight=0.0, steps=1), tmp_path / "fc7")
  assert set(checkpoint.load_run(tmp_path / "fc7").params) == {"generator", "average", "statistics"}


def test_the_layer_that_is_inverted_weighs_more():
  settings = fields.replace(config_lib.Config(inversion=SETTINGS), {
    "inversion.layer": "fc6", "inversion.perceptual_weight": 2.0}).inversion
  assert plan_lib.compared(settings) == {"pool5": 2.0, "fc6": 6.0}


def test_the_discriminator_counts_its_own_steps():
  assert objective.adversarial_from(SETTINGS) == 2
  settings = fields.replace(config_lib.Config(inversion=SETTINGS),
                            {"inversion.adversarial_weight": 0.0}).inversion
  assert objective.adversarial_from(settings) == 4


def test_a_discriminator_that_is_not_finite_stops_and_the_last_checkpoint_is_from_before(
    run, tmp_path, monkeypatch):
  verdict = objective.discriminator.verdict
  monkeypatch.setattr(objective.discriminator, "verdict", lambda *arguments: verdict(
    *arguments)._replace(loss=jnp.float32(jnp.nan)))
  with pytest.raises(FloatingPointError, match="not finite at step 3: .*loss/discriminator nan"):
    training.train(plan_of(run), tmp_path / "fc7")
  kept = checkpoint.load_run(tmp_path / "fc7")
  assert kept.step == 2
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(kept.params))
