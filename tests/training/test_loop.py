"""The training loop, on a linear regression that needs no data set."""

import dataclasses
import json
import os
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cmx import config as config_lib
from cmx.runtime import devices
from cmx.runtime import signals
from cmx.training import checkpoint
from cmx.training import loop

LOG = config_lib.Log(metrics_steps=2, checkpoint_seconds=1e9, keep=3)
TRANSFORM = optax.adam(0.1)
TRUE = np.array([1.0, -2.0, 3.0], np.float32)


def batch_at(index):
  x = np.random.default_rng(index).normal(size=(16, 3)).astype(np.float32)
  return devices.shard({"x": x, "y": x @ TRUE})


def step_of(damage=None):
  """A pmapped step; the loss of step number `damage` is not a number."""

  def loss(trainable, batch, done):
    error = jnp.mean((batch["x"] @ trainable["weight"] - batch["y"]) ** 2)
    return jnp.where(done + 1 == damage, jnp.nan, error) if damage else error

  def step(state, batch):
    value, gradient = jax.value_and_grad(loss)(state.trainable, batch, state.step)
    value, gradient = devices.mean((value, gradient))
    updates, optimizer = TRANSFORM.update(gradient, state.optimizer)
    trainable = optax.apply_updates(state.trainable, updates)
    return loop.State(state.step + 1, trainable, state.frozen, optimizer), {"loss": value}

  return devices.pmap(step, batch_argnum=1, arguments=2, donate=(0,))


def fresh():
  return loop.begin(0, {"weight": np.zeros(3, np.float32)}, {"offset": np.ones(2)}, TRANSFORM)


def train(workdir, last, *, step=None, batches=batch_at, log=LOG, **options):
  """`last` steps in a work directory, from where it stands."""
  with checkpoint.Checkpoints(workdir, log.keep) as checkpoints:
    job = loop.Job("line", 10, batches, workdir, log,
                   save=lambda state: loop.save(state, checkpoints, {"of": "a test"}), **options)
    return loop.run(job, step or step_of(), loop.resume(fresh(), checkpoints), last)


def lines(workdir):
  return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_it_trains(tmp_path):
  state = train(tmp_path, 200)
  np.testing.assert_allclose(state.params["weight"], TRUE, atol=0.05)
  assert int(state.step) == 200


def test_looks_at_the_validation_split_stand_in_the_lines_of_their_steps(tmp_path):
  log = dataclasses.replace(LOG, validation_steps=3)
  look = lambda state: {"validation_loss": float(state.params["weight"][0])}
  state = train(tmp_path, 7, log=log, validate=look)
  found = {line["step"]: line.get("validation_loss") for line in lines(tmp_path)}
  assert [step for step, value in found.items() if value is not None] == [3, 6, 7]
  assert list(found) == [2, 3, 4, 6, 7]
  assert found[7] == pytest.approx(float(state.params["weight"][0]), rel=1e-5)
  train(tmp_path / "none", 4, log=dataclasses.replace(log, validation_steps=0), validate=look)
  assert not [line for line in lines(tmp_path / "none") if "validation_loss" in line]


def test_a_look_changes_nothing_that_is_trained(tmp_path):
  ours = train(tmp_path / "ours", 5, validate=lambda state: {"seen": 1.0})
  theirs = train(tmp_path / "theirs", 5)
  np.testing.assert_array_equal(ours.params["weight"], theirs.params["weight"])


def test_a_resumed_run_ends_in_the_same_bits(tmp_path):
  whole = train(tmp_path / "whole", 9)
  train(tmp_path / "parts", 4)
  parts = train(tmp_path / "parts", 9)
  for ours, theirs in zip(jax.tree.leaves(parts), jax.tree.leaves(whole), strict=True):
    np.testing.assert_array_equal(ours, theirs)
  losses = [[line["loss"] for line in lines(tmp_path / run)] for run in ("parts", "whole")]
  assert losses[0] == losses[1]


def test_frozen_parameters_are_saved_and_have_no_optimiser_state(tmp_path):
  state = train(tmp_path, 3)
  np.testing.assert_array_equal(state.params["offset"], np.ones(2))
  assert all(leaf.shape in ((), (3,)) for leaf in jax.tree.leaves(state.optimizer))
  with checkpoint.Checkpoints(tmp_path, 3) as checkpoints:
    assert set(checkpoints.restore(3, "params")) == {"weight", "offset"}


def test_a_loss_that_is_not_finite_stops_the_run_and_is_never_saved(tmp_path):
  with pytest.raises(FloatingPointError, match="loss is not finite at step 5: loss nan"):
    train(tmp_path, 8, step=step_of(damage=5),
          log=config_lib.Log(metrics_steps=100, checkpoint_seconds=0.0))
  with checkpoint.Checkpoints(tmp_path, 3) as checkpoints:
    assert checkpoints.latest() == 4


def test_metrics_are_written_every_so_many_steps_and_at_the_end(tmp_path):
  train(tmp_path, 5)
  assert [line["step"] for line in lines(tmp_path)] == [2, 4, 5]
  assert all(0 <= line["input_wait_share"] <= 1 and line["steps_per_second"] > 0
             for line in lines(tmp_path))


def test_an_error_in_the_input_names_its_step(tmp_path):
  def broken(index):
    if index == 2:
      raise ValueError("broken file")
    return batch_at(index)
  with pytest.raises(ValueError, match="broken file") as error:
    train(tmp_path, 5, batches=broken)
  assert error.value.__notes__ == ["while reading the input of step 2"]


def test_sigterm_saves_and_says_how_to_go_on(tmp_path):
  before = signal.getsignal(signal.SIGTERM)

  def batches(index):
    if index == 4:
      os.kill(os.getpid(), signal.SIGTERM)
    return batch_at(index)
  with pytest.raises(signals.Stopped,
                     match=r"SIGTERM.*line: step \d of 10 is saved in .*same command"):
    train(tmp_path, 10, batches=batches)
  with checkpoint.Checkpoints(tmp_path, 3) as checkpoints:
    done = checkpoints.latest()
  assert done < 10 and lines(tmp_path)[-1]["step"] <= done
  assert signal.getsignal(signal.SIGTERM) == before
  ours, theirs = train(tmp_path, 10), train(tmp_path / "whole", 10)
  np.testing.assert_array_equal(ours.params["weight"], theirs.params["weight"])


def test_rates_leave_out_the_first_step_which_compiles(tmp_path):
  slow = {"once": True}

  def step(state, batch, compiled=step_of()):
    time.sleep(1.0 if slow.pop("once", None) else 0.01)
    return compiled(state, batch)

  job = loop.Job("line", 10, batch_at, tmp_path, dataclasses.replace(LOG, peak_flops=1e6),
                 save=lambda state: None, examples=16)
  loop.run(job, step, fresh(), flops=lambda state, batch: 500.0)
  assert all(5 < line["steps_per_second"] < 300 for line in lines(tmp_path))
  for line in lines(tmp_path):
    rate = line["steps_per_second"]
    np.testing.assert_allclose(line["examples_per_second"], 16 * rate, rtol=1e-5)
    np.testing.assert_allclose(line["flop_utilisation"], 500e-6 * rate, rtol=1e-5)


def test_metrics_are_read_when_the_next_step_is_under_way(tmp_path):
  events = []

  class Loss:
    def __init__(self, step):
      self.step = step

    def __float__(self):
      events.append(f"read {self.step}")
      return 0.5

  def step(state, batch):
    done = int(state.step) + 1
    events.append(f"step {done}")
    return state._replace(step=done), {"loss": Loss(done)}

  job = loop.Job("line", 4, batch_at, tmp_path, LOG, save=lambda state: events.append("save"))
  loop.run(job, step, fresh())
  assert list(dict.fromkeys(events)) == [
    "step 1", "step 2", "read 1", "step 3", "read 2", "step 4", "read 3", "read 4", "save"]
