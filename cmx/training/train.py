"""Training: one pmapped step for every method, phases, checkpoints and resume."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from absl import logging
import jax
import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx import methods as methods_lib
from cmx.alignment import given
from cmx.data import batches
from cmx.network import model
from cmx.network import towers
from cmx.network.pretrained import start
from cmx.runtime import devices
from cmx.runtime import hosts
from cmx.training import checkpoint
from cmx.training import health
from cmx.training import loop
from cmx.training import not_finite
from cmx.training import selection
from cmx.training import step
from cmx.training import workdir as workdir_lib


_SELECTED = "selected"  # what a checkpoint calls what `selection` has to keep


class Plan(NamedTuple):
  """What a run trains, and what it starts from.

  Attributes:
    name: on the progress line and in warnings.
    method: whose terms are added, and who owns what.
    modalities: that the run has.
    trained: those of them that a step sees.
    params: at the start {layer: {owner: tree}}.
    warm: {layer: owners} that have rates of their own.
    phases: of the run.
  """

  name: str
  method: methods_lib.Method
  modalities: model.Modalities
  trained: model.Modalities
  params: model.Params
  warm: Mapping[str, set[str]]
  phases: Sequence[step.Phase]


def train(config: config_lib.Config, dataset: data.Dataset, workdir: pathlib.Path,
          reference: checkpoint.Run | None = None,
          constants: given.Constants = given.Constants(),
          validate: Callable[[model.Params], dict[str, float]] | None = None,
          judge: Callable[[model.Params], float] | None = None) -> checkpoint.Run:
  """Trains one row, from its newest checkpoint if it has one, and returns the trained run.

  Args:
    config: of the row.
    dataset: opened and encoded; modalities have shapes.
    workdir: of the run; must be of this config or not exist.
    reference: the trained reference network that the row starts from; None starts from nothing.
    constants: what the row's terms need beside their batch.
    validate: params, on every device -> numbers for the metrics, see `config.log`; of processes
      that train together none is asked.
    judge: params, on every device -> how good they are; asked where `validate` is, and the run ends
      with the best of those (see `config.log`). None takes those of the last step.

  Raises:
    ValueError: if processes that train together are to judge, for a work directory of another
      config or that another process trains in, or where the method lacks what it needs; before
      anything is trained.
    loop.NotFinite: if the loss or its gradient is not (see `loop.run`); it names modalities, terms
      and examples.
    signals.Stopped: when told to stop, with the state saved.
  """
  method, settings = methods_lib.named(config.method), step.settings_of(config)
  _check_constants(method, config.method, constants)
  params, warm = _start(config, method, dataset, reference,
                        resumed=checkpoint.goes_on(workdir))
  modalities = _trained(method, dataset)
  return run(config, dataset, workdir, constants, Plan(
    config.method, method, modalities, modalities, params, warm, step.phases(method, settings)),
    validate, judge)


def run(config: config_lib.Config, dataset: data.Dataset, workdir: pathlib.Path,
        constants: given.Constants, plan: Plan,
        validate: Callable[[model.Params], dict[str, float]] | None = None,
        judge: Callable[[model.Params], float] | None = None) -> checkpoint.Run:
  """Carries a plan out, from the newest checkpoint if there is one; see `train`."""
  settings = step.settings_of(config)
  if judge is not None and hosts.several():
    raise ValueError("log.select with several processes, which look at no examples while they "
                     "train; expected one process, or --config.log.select=false")
  chosen = judge and selection.Selection(judge, config.log, plan.phases[-1].first)
  with hosts.first_alone("claim"):
    workdir = workdir_lib.claim(workdir, config)  # only now: what is refused leaves no trace
  samplers = batches.samplers(dataset._replace(modalities=plan.trained))
  rows, params, look = hosts.part(settings.batch), plan.params, _explains(
    config, plan, constants, samplers, workdir)
  constants = devices.replicate((constants, jax.random.key(config.seed)))
  card = checkpoint.card(config, dataset.classes, plan.modalities, dataset.fingerprint)

  def save(state):  # the last step's, which nothing goes on from, as small as it can be
    loop.save(state, checkpoints, card,
              resumable=config.log.keep_optimizer or int(state.step) < settings.steps)

  def batch_at(index):
    return devices.shard(batches.batch_at(samplers, config.seed, index, settings.batch,
                                          augment=config.augment, rows=rows))

  with (workdir_lib.locked(workdir),
        checkpoint.Checkpoints(workdir, config.log.keep) as checkpoints):
    job = loop.Job(plan.name, settings.steps, batch_at, workdir, config.log, save=save,
                   examples=settings.batch * len(plan.trained), watch=health.watch(plan.name),
                   skip=_skipping(look, workdir, settings.skip) if settings.skip else None,
                   validate=None if validate is None or hosts.several() else
                   lambda state: validate(state.params))
    done = checkpoints.latest() or 0
    if done:
      params = checkpoints.restore(done, "params")
    if chosen:
      chosen.restore(checkpoints.restore(done, "optimizer").get(_SELECTED, {})
                     if 0 < done < settings.steps else {})
      job = _selecting(job, chosen, checkpoints, card)
    for phase in plan.phases:
      if phase.last > done:
        transform = step.optimizer(settings, phase.last - phase.first, plan.warm)

        def begun(phase=phase, params=params, transform=transform):
          state = step.begin_phase(phase.first, params, phase, transform)
          checkpoints.wait()
          return loop.resume(state, checkpoints) if (
            checkpoints.latest() or 0) > phase.first else state

        params = _phase(job, (config, plan.method, plan.trained, transform), begun, phase.last,
                        constants, look)
    if not settings.steps:  # weights from outside, kept as they are
      job.save(loop.begin(0, params, {}, step.optimizer(settings, 0, {})))
    if config.log.keep_optimizer:
      checkpoints.wait()
    else:
      checkpoints.keep_newest()
  hosts.wait("saved")
  if chosen and chosen.step:
    params, card = chosen.params, _chosen(card, chosen)
    logging.info("%s: kept step %s of %s, the best by held-out training examples (%.4g)", plan.name,
                 f"{chosen.step:,}", f"{settings.steps:,}", chosen.score)
  return checkpoint.Run(config, dataset.classes, plan.modalities, jax.device_get(params),
                        settings.steps, card["provenance"])


def _selecting(job: loop.Job, chosen: selection.Selection, checkpoints: checkpoint.Checkpoints,
               card: Mapping[str, Any]) -> loop.Job:
  """The job with a look at held-out examples beside each at the validation split."""

  def validate(state):
    looked = {} if job.validate is None else dict(job.validate(state))
    return looked | chosen.look(int(state.step), state.params)

  def save(state):
    if int(state.step) < job.steps:
      loop.save(state, checkpoints, card, {_SELECTED: chosen.saved()})
    else:
      loop.save(state._replace(trainable=chosen.params, frozen={}), checkpoints,
                _chosen(card, chosen), resumable=job.log.keep_optimizer)

  return job._replace(validate=validate, save=save, over=chosen.over)


def _chosen(card: Mapping[str, Any], chosen: selection.Selection) -> dict[str, Any]:
  return {**card, "provenance": {**card["provenance"], "selected_step": chosen.step}}


def _trained(method: methods_lib.Method, dataset: data.Dataset) -> model.Modalities:
  """The modalities that a row trains on: the first alone where it is the reference network."""
  return dataset.modalities[:1] if method.reference else dataset.modalities


def _check_constants(method: methods_lib.Method, key: str, constants: given.Constants) -> None:
  """Refuses a row that lacks what its terms need."""
  if method.statistics and not constants.statistics:
    raise ValueError(f"method {key!r} needs mixtures; run launch.fit on the reference first")
  if method.codes and constants.prototypes is None:
    raise ValueError(f"method {key!r} needs a code of each class; expected "
                     f"constants.prototypes, {method.codes}")


def _start(config: config_lib.Config, method: methods_lib.Method, dataset: data.Dataset,
           reference: checkpoint.Run | None, resumed: bool
           ) -> tuple[model.Params, Mapping[str, set[str]]]:
  """Parameters that a run starts from, and {layer: owners} of those that the reference gave.

  A run that is `resumed` needs their form alone, and no weights from outside.
  """
  modalities = _trained(method, dataset)
  # The reference network's pool5 is as wide as the rows' that start from it, also where it reads no
  # pixels and theirs is what convolutions give.
  network = dataclasses.replace(
    config.network, pool5=towers.pool5_width(dataset.modalities, config.network))
  params = jax.jit(lambda key: step.parameters(
    key, dataclasses.replace(config, network=network), modalities,
    len(dataset.classes)))(jax.random.key(config.seed))
  if method.reference and config.weights.file and not resumed:
    params = start.from_file(params, config, method, modalities[0], dataset.classes)
  if reference is None:
    return params, {}
  return model.warm_start(params, reference.params, reference.modalities[0], modalities, method)


def _phase(job: loop.Job, row: tuple, begun: Callable[[], loop.State], last: int, constants: Any,
           look: Callable[[loop.NotFinite, loop.State], loop.NotFinite]) -> model.Params:
  """Parameters after a phase of a row.

  Args:
    job: of the run.
    row: arguments of `step.make_step`.
    begun: gives the state by the newest checkpoint.
    last: number of steps done after the phase.
    constants: arguments of the step beside state and batch.
    look: of `_explains`.
  """
  update = step.make_step(*row)

  def one(state, batch):
    return update(state, batch, *constants)

  try:
    return loop.run(job, one, begun(), last, flops=lambda state, batch: step.flops(
      *row, state, batch, *constants)).params
  except loop.NotFinite as fault:
    if job.skip is not None:  # which has looked at it
      raise
    state = begun()  # the state before the step was taken over by those after it
    for index in range(int(state.step), fault.step - 1):
      state, _ = one(state, job.batch_at(index))
    raise look(fault, state) from None


def _explains(config: config_lib.Config, plan: Plan, constants: given.Constants,
              samplers: Sequence[batches.Sampler], workdir: pathlib.Path
              ) -> Callable[[loop.NotFinite, loop.State], loop.NotFinite]:
  """Makes of a fault and the state before its step the error that names what made it."""
  def look(fault, state):
    at = (samplers, config.seed, fault.step - 1, step.settings_of(config).batch)
    keys = batches.keys_at(*at)
    batch = {name: {**part, "key": np.array(keys[name])}
             for name, part in batches.batch_at(*at, augment=config.augment).items()}
    scene = not_finite.Scene(config, plan.method, plan.trained, constants, batch, fault.step,
                             fault.values)
    return not_finite.explained(scene, state, workdir)

  return look


def _skipping(look: Callable[[loop.NotFinite, loop.State], loop.NotFinite], workdir: pathlib.Path,
              most: int) -> Callable[[loop.NotFinite, loop.State], None]:
  """Leaves out as many steps of a run as are allowed to be; see `loop.Job`."""
  def skip(fault, state):
    error = look(fault, state)
    if (count := not_finite.count(workdir)) > most:
      raise error
    logging.warning("step left out, %d of %d at most: %s", count, most, error)

  return skip
