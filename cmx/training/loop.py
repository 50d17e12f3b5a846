"""The training loop: any pmapped step, fed ahead of time, measured, saved, stopped and resumed.

  state = loop.begin(0, params, {}, transform)
  with workdir_lib.locked(workdir), checkpoint.Checkpoints(workdir, log.keep) as checkpoints:
    job = loop.Job("generator", steps, batch_at, workdir, log,
                   save=lambda state: loop.save(state, checkpoints, card))
    state = loop.run(job, step, loop.resume(state, checkpoints))
"""

import contextlib
import math
import os
import pathlib
import signal
import time
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax
import jax
import numpy as np
import optax

from cmx import config as config_lib
from cmx.runtime import devices
from cmx.runtime import hosts
from cmx.runtime import prefetch
from cmx.runtime import progress
from cmx.runtime import signals
from cmx.runtime import watchdog
from cmx.training import checkpoint
from cmx.training import metrics as metrics_lib

Metrics = Mapping[str, jax.Array]  # scalars by name
_TELLING = ("loss", "gradient_norm")  # not finite where any number is that training goes on with


class State(NamedTuple):
  """What a step changes, and the frozen parameters beside it.

  Attributes:
    step: number of steps done [].
    trainable: {name: tree} that is differentiated.
    frozen: {name: tree} that is not; costs no gradient and no optimiser state. A name may be in
      both, with members of its own in each.
    optimizer: optax state of `trainable`.
  """

  step: jax.Array
  trainable: dict[str, Any]
  frozen: dict[str, Any]
  optimizer: Any

  @property
  def params(self) -> dict[str, Any]:
    return joined(self.frozen, self.trainable)


def joined(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
  """Both {name: tree}; a name that is in both has the members of both, of one name theirs."""
  return {**ours, **{name: {**ours[name], **tree} if name in ours else tree
                     for name, tree in theirs.items()}}


class NotFinite(FloatingPointError):
  """A step whose loss or gradient is not finite; the message names the step and its numbers.

  Attributes:
    step: number of the step, counted from 1.
    values: {name: number} of its metrics.
  """

  def __init__(self, step: int, values: Mapping[str, float], more: str = ""):
    self.step, self.values = step, dict(values)
    what = "gradient" if math.isfinite(values["loss"]) else "loss"
    shown = {"loss": values["loss"], **{name: value for name, value in values.items()
                                        if not math.isfinite(value)}}
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
    super().__init__(f"{what} is not finite at step {step:,}: {numbers}. {more}Lower the learning "
                     "rate or the weight of the term that grew; the last checkpoint is from before "
                     "it")


class Job(NamedTuple):
  """What a run is to do, whatever its phases; metrics.jsonl goes into its work directory.

  Attributes:
    name: of what is trained, on the progress line.
    steps: of the whole run.
    batch_at: the batch of a step, counted from 0, ready for the step; called ahead, in threads.
    workdir: of the run.
    log: how often metrics and checkpoints are written.
    save: writes the state as a checkpoint; called by the clock, at the end, and when told to stop.
    examples: of a step, over all devices and modalities; for the rate in the log.
    watch: called with the step and the metrics of each line that is written.
    validate: state -> numbers that go into the line of that step; called every
      `log.validation_steps` and after the last step.
    skip: called with a `NotFinite` and the state after its step, where that has left all but the
      number of the step as it was; raises it where there were too many. None stops at the first.
    over: step -> whether training is to end early, with this step; asked after each look of
      `validate` in the job's last phase. `save` is then given the state as of the last step.
  """

  name: str
  steps: int
  batch_at: Callable[[int], Any]
  workdir: pathlib.Path
  log: config_lib.Log
  save: Callable[[Any], None]
  examples: int = 0
  watch: Callable[[int, Mapping[str, float]], None] = lambda step, values: None
  validate: Callable[[Any], Mapping[str, float]] | None = None
  skip: Callable[[NotFinite, Any], None] | None = None
  over: Callable[[int], bool] = lambda step: False


def begin(step: int, trainable: Mapping[str, Any], frozen: Mapping[str, Any],
          transform: optax.GradientTransformation) -> State:
  """A state after `step` steps, its optimiser fresh, on every device; the given trees stay."""
  trainable, frozen = dict(trainable), dict(frozen)
  return devices.replicate(State(np.int32(step), trainable, frozen, transform.init(trainable)))


def save(state: State, checkpoints: checkpoint.Checkpoints, card: Mapping[str, Any],
         beside: Mapping[str, Any] = types.MappingProxyType({}), resumable: bool = True) -> None:
  """Writes the state as a checkpoint, in the background.

  Args:
    state: any.
    checkpoints: of the run.
    card: says what it is.
    beside: {name: tree of arrays} that is kept with the optimiser's state, which a run needs to go
      on and a finished one does not.
    resumable: with both; the optimiser's state takes twice the room of what is trained.
  """
  optimizer = ({**flax.serialization.to_state_dict(state.optimizer), **beside} if resumable
               else None)
  checkpoints.save(int(state.step), state.params, optimizer, card)


def resume(state: State, checkpoints: checkpoint.Checkpoints) -> State:
  """The state as the newest checkpoint has it; `state`, which gives the form, if there is none."""
  done = checkpoints.latest()
  if done is None:
    return state
  params, optimizer = (checkpoints.restore(done, item) for item in ("params", "optimizer"))
  both = state.trainable.keys() & state.frozen.keys()

  def part(names):
    return {name: {member: params[name][member] for member in tree} if name in both
            else params[name] for name, tree in names.items()}

  own = flax.serialization.to_state_dict(state.optimizer)
  return devices.replicate(State(
    np.int32(done), part(state.trainable), part(state.frozen),
    flax.serialization.from_state_dict(state.optimizer, {key: optimizer[key] for key in own})))


def run(job: Job, step: Callable[[Any, Any], tuple[Any, Metrics]], state: Any,
        last: int | None = None, flops: Callable[[Any, Any], float] | None = None) -> Any:
  """Runs the steps from `state.step` to `last` and returns the state after them.

  Metrics are read one step late, so that the device never waits for the host.

  Args:
    job: of which these steps are the whole, or one phase.
    step: (state, batch) -> (state, metrics), pmapped; metrics are scalars, one of them "loss". It
      may take over the buffers of the state it is given.
    state: anything with a `step`.
    last: number of steps done when this returns; None is all of the job's.
    flops: (state, batch) -> floating point operations of a step on one device, for the utilisation
      in the log; called once, where the device's peak is known.

  Raises:
    NotFinite: if the loss, or the norm of the gradient among the metrics, is not finite, and
      `job.skip` does not leave the step out; no checkpoint is from after it.
    signals.Stopped: after SIGTERM or SIGINT, with the state saved; the message says how to go on.
  """
  last, log = job.steps if last is None else last, job.log
  first, saved, pending = int(state.step), time.monotonic(), None
  with (signals.deferred() as told,  # before there are threads that may be told
        _writer(job.workdir, first, log) as writer,
        prefetch.Prefetch(job.batch_at, first, last) as stream,
        progress.Progress(job.name, job.steps, "steps", done=first) as line,
        watchdog.watching(log.stuck_seconds if hosts.several() else 0, job.name) as moved):
    meter = _Meter(stream, job.examples, devices.peak_flops(log.peak_flops))

    def report(index: int, metrics: Metrics, looked: Mapping[str, float]) -> None:
      moved()  # not before: the first step compiles
      if index == first + 1:
        meter.begin(index)
      if not all(math.isfinite(float(metrics[name])) for name in _TELLING if name in metrics):
        fault = NotFinite(index, {name: float(value) for name, value in metrics.items()})
        if job.skip is None:
          raise fault
        job.skip(fault, state)
        return
      line.update(index, f"loss {float(metrics['loss']):.3f}")
      if writer and (index % log.metrics_steps == 0 or index == last or looked):
        values = {key: float(value) for key, value in metrics.items()} | dict(looked)
        writer.write(index, values | meter.rates(index))
        job.watch(index, values)

    for index, batch in enumerate(stream, first + 1):
      if index == first + 1 and flops is not None and meter.peak:
        meter.flops = flops(state, batch)
      state, metrics = step(state, batch)
      if pending is not None:
        report(*pending)
      looks = job.validate is not None and log.validation_steps and (
        index % log.validation_steps == 0 or index == last)
      # At once: the next step takes over the buffers of this state.
      pending = index, metrics, job.validate(state) if looks else {}
      if looks and last == job.steps and index < last and job.over(index):
        report(*pending)
        state = state._replace(step=devices.replicate(np.int32(last)))
        job.save(state)
        break
      stop = _all_told() if hosts.several() else told()
      due = stop or index == last or time.monotonic() - saved > log.checkpoint_seconds
      if due or job.skip is not None:  # which looks at the state that the step has left
        report(*pending)  # checks the loss first
        pending = None
      if due:
        moved(rest=True)
        job.save(state)
        saved = time.monotonic()
      if stop and index < job.steps:
        raise signals.stopped(
          f"{job.name}: step {index:,} of {job.steps:,} is saved in {job.workdir}")
  if last == job.steps and hosts.is_first():
    metrics_lib.seal(job.workdir)
  return state


def _writer(workdir: pathlib.Path, done: int,
            log: config_lib.Log) -> contextlib.AbstractContextManager:
  """Gives a writer of metrics; None in all processes but the first."""
  if hosts.is_first():
    return metrics_lib.Writer(workdir, done, log.tensorboard)
  return contextlib.nullcontext()


class _Meter:
  """Rates between two lines of metrics; the first step, which compiles, counts in none.

  Attributes:
    peak: FLOP/s of a device at its best, 0 where it is not known.
    flops: of a step on one device; None where nobody counted.
  """

  def __init__(self, stream: prefetch.Prefetch, examples: int, peak: float):
    self.peak, self.flops = peak, None
    self._stream, self._examples, self._since = stream, examples, (0.0, 0, 0.0)

  def begin(self, step: int) -> None:
    """Counts from this step on."""
    self._since = (time.monotonic(), step, self._stream.waited_s)

  def rates(self, step: int) -> dict[str, float]:
    """Steps and examples a second, shares of the time waited and of the peak since `begin`."""
    began, first, waited = self._since
    self.begin(step)
    if step == first:
      return {}
    seconds = self._since[0] - began
    rate = (step - first) / seconds
    rates = {"steps_per_second": rate,
             "input_wait_share": (self._stream.waited_s - waited) / seconds}
    if self._examples:
      rates["examples_per_second"] = rate * self._examples
    if self.flops is not None:
      rates["flop_utilisation"] = rate * self.flops / self.peak
    return rates


def _all_told() -> bool:
  """Whether one of several processes was told to stop; to be asked by all after each step."""
  if signals.asked():  # by ctrl-C: the others hear of SIGTERM alone
    os.kill(os.getpid(), signal.SIGTERM)
  return hosts.agreed_to_stop()
