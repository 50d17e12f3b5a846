"""The training loop: any pmapped step, fed ahead of time, stopped when it goes wrong, saved and resumed.

  state = loop.begin(0, params, {}, transform)
  with checkpoint.Checkpoints(workdir, log.keep) as checkpoints:
    state = loop.resume(state, checkpoints)
    state = loop.run(step, state, batch_at, steps, name="generator", total=steps, workdir=workdir, log=log,
                     save=lambda state: loop.save(state, checkpoints, card))
"""

import math
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp
import optax

from cmx import batches
from cmx import checkpoint
from cmx import config as config_lib
from cmx import metrics as metrics_lib
from cmx import progress


class State(NamedTuple):
  """What a step changes, and the frozen parameters beside it.

  Attributes:
    step: number of steps done [].
    trainable: {name: tree} that is differentiated.
    frozen: {name: tree} that is not; costs no gradient and no optimiser state.
    optimizer: optax state of `trainable`.
  """

  step: jax.Array
  trainable: dict[str, Any]
  frozen: dict[str, Any]
  optimizer: Any

  @property
  def params(self) -> dict[str, Any]:
    return {**self.frozen, **self.trainable}


def begin(step: int, trainable: Mapping[str, Any], frozen: Mapping[str, Any],
          transform: optax.GradientTransformation) -> State:
  """A state with fresh optimiser state after `step` steps."""
  return State(jnp.asarray(step, jnp.int32), dict(trainable), dict(frozen), transform.init(dict(trainable)))


def save(state: State, checkpoints: checkpoint.Checkpoints, card: Mapping[str, Any]) -> None:
  """Writes the state as a checkpoint, in the background; `card` says what it is (see `checkpoint.card`)."""
  checkpoints.save(int(state.step), state.params, flax.serialization.to_state_dict(state.optimizer), card)


def resume(state: State, checkpoints: checkpoint.Checkpoints) -> State:
  """The state as the newest checkpoint has it; `state`, which gives the form, where there is none."""
  done = checkpoints.latest()
  if done is None:
    return state
  params = checkpoints.restore(done, "params")
  optimizer = flax.serialization.from_state_dict(state.optimizer, checkpoints.restore(done, "optimizer"))
  return State(jnp.asarray(done, jnp.int32), {name: params[name] for name in state.trainable},
               {name: params[name] for name in state.frozen}, optimizer)


def run(step: Callable[[Any, Any], tuple[Any, Mapping[str, jax.Array]]], state: Any,
        batch_at: Callable[[int], Any], last: int, *, name: str, total: int, workdir: pathlib.Path,
        log: config_lib.Log, save: Callable[[Any], None]) -> Any:
  """Runs the steps from `state.step` to `last` and returns the state after them.

  Metrics are read one step late, so that the device never waits for the host.

  Args:
    step: (state, batch) -> (state, metrics), pmapped; metrics are scalars [], one of them "loss". It may
      take over the buffers of the state it is given.
    state: anything with a `step`.
    batch_at: the batch of a step, counted from 0, ready for `step`; called ahead of time, in threads.
    last: number of steps done when this returns.
    name: of what is trained, on the progress line.
    total: steps of the whole run, of which these may be one phase.
    workdir: of the run; metrics.jsonl goes there.
    log: how often metrics and checkpoints are written.
    save: writes the state as a checkpoint; called by the clock, and at the end.

  Raises:
    FloatingPointError: if the loss is not finite; the message names the step. Nothing is saved after it.
  """
  first = int(state.step)
  pending, since, saved = None, time.monotonic(), time.monotonic()
  with (metrics_lib.Writer(workdir, first, log.tensorboard) as writer,
        batches.Prefetch(batch_at, first, last) as stream,
        progress.Progress(name, total, "steps", done=first) as line):
    for index, batch in enumerate(stream, first + 1):
      state, current = step(state, batch)
      if pending is not None:
        _check(*pending)
        line.update(index - 1, f"loss {float(pending[1]['loss']):.3f}")
      pending = (index, current)
      if index % log.metrics_steps == 0 or index == last:
        now = time.monotonic()
        values = {key: float(value) for key, value in current.items()}
        _check(index, values)
        values["steps_per_second"] = (index - first) / (now - since)
        values["input_wait_share"] = stream.waited_s / (now - since)
        writer.write(index, values)
      if time.monotonic() - saved > log.checkpoint_seconds or index == last:
        _check(index, current)
        save(state)
        saved = time.monotonic()
  return state


def _check(step: int, metrics: Mapping[str, Any]) -> None:
  """Stops at a loss that is not finite, so that no such state is ever the newest checkpoint."""
  if not math.isfinite(float(metrics["loss"])):
    terms = ", ".join(f"{name} {float(value):.4g}" for name, value in metrics.items())
    raise FloatingPointError(f"loss is not finite at step {step}: {terms}. Lower the learning rate or the "
                             "weight of the term that grew; the last checkpoint is from before it")
