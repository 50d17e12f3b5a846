"""Training: one pmapped step for every method, phases, checkpoints and resume."""

import pathlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import optax

from cmx import batches
from cmx import checkpoint
from cmx import config as config_lib
from cmx import data
from cmx import gmm
from cmx import loop
from cmx import losses
from cmx import methods as methods_lib
from cmx import model
from cmx import parallel


class Phase(NamedTuple):
  """A stretch of steps [first, last) with one frozen set."""

  frozen: tuple[str, ...]
  first: int
  last: int


def settings_of(config: config_lib.Config) -> config_lib.Optimizer:
  """The optimiser's settings that apply to the config's method."""
  return config.reference if methods_lib.named(config.method).reference else config.optimizer


def steps(config: config_lib.Config) -> int:
  """Number of steps of a whole run."""
  return settings_of(config).steps


def phases(method: methods_lib.Method, settings: config_lib.Optimizer) -> list[Phase]:
  """The phases of a method; where there are two, the first takes `tune_share` of the steps."""
  if len(method.phases) == 1:
    return [Phase(method.phases[0], 0, settings.steps)]
  change = round(settings.tune_share * settings.steps)
  first, second = method.phases
  return [Phase(first, 0, change), Phase(second, change, settings.steps)]


def optimizer(settings: config_lib.Optimizer, duration: int,
              warm: Mapping[str, set[str]]) -> optax.GradientTransformation:
  """AdamW with clipping, linear warm-up and cosine decay to zero over the steps of a phase.

  Args:
    settings: rates.
    duration: steps of the phase.
    warm: {layer: owners} that started from the reference and have rates of their own.
  """
  warmup = min(settings.warmup, duration // 2)
  schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warmup, max(duration, 1))

  def rate(layer: str, owner: str) -> float:
    if owner not in warm.get(layer, ()):
      return 1.0
    return settings.tower_rate if layer == "tower" else settings.trunk_rate

  def scale(updates, params=None):
    del params
    return {layer: {owner: jax.tree.map(lambda u: rate(layer, owner) * u, tree)
                    for owner, tree in owners.items()} for layer, owners in updates.items()}

  def kernels(params):
    return jax.tree.map(lambda p: p.ndim > 1, params)

  return optax.chain(optax.clip_by_global_norm(settings.clip),
                     optax.adamw(schedule, weight_decay=settings.weight_decay, mask=kernels),
                     optax.stateless(scale))


def begin_phase(step: int, params: model.Params, phase: Phase,
                transform: optax.GradientTransformation) -> loop.State:
  """The state at the start of a phase: the phase's layers set apart, fresh optimiser state."""
  trainable = {layer: tree for layer, tree in params.items() if layer not in phase.frozen}
  frozen = {layer: tree for layer, tree in params.items() if layer in phase.frozen}
  return loop.begin(step, trainable, frozen, transform)


def make_step(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities,
              transform: optax.GradientTransformation) -> Callable:
  """The pmapped train step: (state, batch, mixtures, key) -> (state, metrics).

  The state is whole on every device and is donated; the batch has a leading device axis
  (`parallel.shard`); the key is the run's, and the step is folded into it here. Metrics are scalars:
  the loss and its terms, and loss and accuracy of each modality.
  """
  reference = modalities[0].name

  def loss(trainable, frozen, batch, mixtures, key):
    params = {**frozen, **trainable}
    activations, metrics = {}, {}
    for i, modality in enumerate(modalities):
      outputs = model.apply(params, batch[modality.name]["input"], modality, method, config.network,
                            dropout_key=jax.random.fold_in(key, i))
      labels = batch[modality.name]["label"]
      activations[modality.name] = outputs
      metrics[f"loss/{modality.name}"] = losses.cross_entropy(outputs["fc8"], labels)
      metrics[f"accuracy/{modality.name}"] = (outputs["fc8"].argmax(-1) == labels).mean()
    total = sum(metrics[f"loss/{m.name}"] for m in modalities) / len(modalities)
    metrics["loss/cross_entropy"] = total
    if method.term is not None:
      labels = {name: part["label"] for name, part in batch.items()}
      metrics["loss/alignment"] = method.term(activations, labels, mixtures,
                                              alignment=config.alignment, reference=reference)
      total = total + metrics["loss/alignment"]
    return total, {"loss": total, **metrics}

  def step(state, batch, mixtures, key):
    key = parallel.device_key(jax.random.fold_in(key, state.step))
    gradient, metrics = jax.grad(loss, has_aux=True)(state.trainable, state.frozen, batch, mixtures, key)
    gradient, metrics = parallel.mean((gradient, metrics))
    updates, new = transform.update(gradient, state.optimizer, state.trainable)
    metrics["gradient_norm"] = optax.global_norm(gradient)
    trainable = optax.apply_updates(state.trainable, updates)
    return loop.State(state.step + 1, trainable, state.frozen, new), metrics

  return parallel.pmap(step, batch_argnum=1, arguments=4, donate=(0,))


def train(config: config_lib.Config, dataset: data.Dataset, workdir: pathlib.Path,
          reference: checkpoint.Run | None = None,
          mixtures: Mapping[str, gmm.Mixture] | None = None) -> checkpoint.Run:
  """Trains one row, from its newest checkpoint if it has one, and returns the trained run.

  Args:
    config: of the row.
    dataset: opened and encoded; modalities have shapes.
    workdir: of the run; must be of this config or not exist.
    reference: the trained reference network that the row starts from; None starts from nothing.
    mixtures: {layer: Mixture} for rows whose term needs them.

  Raises:
    ValueError: for a method, batch or work directory that does not fit; before anything is trained.
    FloatingPointError: if the loss is not finite; the message names the step. No checkpoint is
      written after it.
  """
  method = methods_lib.named(config.method)
  modalities = dataset.modalities[:1] if method.reference else dataset.modalities
  settings = settings_of(config)
  parallel.check_batch(settings.batch)
  if method.components is not None and not mixtures:
    raise ValueError(f"method {config.method!r} needs mixtures; run launch.fit on the reference first")
  workdir = checkpoint.claim(workdir, config)
  key = jax.random.key(config.seed)
  params = jax.jit(lambda k: model.init(k, modalities, method, config.network, len(dataset.classes)))(key)
  warm: dict[str, set[str]] = {}
  if reference is not None:
    params, warm = model.warm_start(params, reference.params, reference.modalities[0], modalities, method)
  card = checkpoint.card(config, dataset.classes, modalities, dataset.fingerprint)
  samplers = batches.samplers(dataset._replace(modalities=modalities))
  with checkpoint.Checkpoints(workdir, config.log.keep) as checkpoints:
    done = checkpoints.latest() or 0
    if done:
      params = checkpoints.restore(done, "params")
    for phase in phases(method, settings):
      if phase.last <= done:
        continue
      transform = optimizer(settings, phase.last - phase.first, warm)
      state = begin_phase(phase.first, params, phase, transform)
      if done > phase.first:
        state = loop.resume(state, checkpoints)
      step = make_step(config, method, modalities, transform)
      state = loop.run(
        lambda state, batch, step=step: step(state, batch, mixtures or {}, key), state,
        lambda index: parallel.shard(batches.batch_at(samplers, config.seed, index, settings.batch,
                                                      augment=config.augment)),
        phase.last, name=config.method, total=settings.steps, workdir=workdir, log=config.log,
        save=lambda state: loop.save(state, checkpoints, card))
      params = state.params
    checkpoints.wait()
  return checkpoint.Run(config, dataset.classes, modalities, jax.device_get(params), settings.steps,
                        card["provenance"])
