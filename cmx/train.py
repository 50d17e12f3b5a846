"""Training: one pmapped step for every method, phases, checkpoints and resume."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from cmx import checkpoint
from cmx import config as config_lib
from cmx import data
from cmx import loop
from cmx import losses
from cmx import methods as methods_lib
from cmx.data import batches
from cmx.mixture import gmm
from cmx.network import model
from cmx.network.pretrained import start
from cmx.runtime import devices
from cmx.runtime import hosts


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
  schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warmup,
                                                max(duration, 1))

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

  The state is whole on every device and is donated; the batch has a leading device axis (see
  `devices.shard`); the rest is as for `step_of_device`.
  """
  step = step_of_device(config, method, modalities, transform)
  return devices.pmap(step, batch_argnum=1, arguments=4, donate=(0,))


def flops(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities,
          transform: optax.GradientTransformation, *arguments: Any) -> float:
  """Floating point operations that one device's share of a step needs; `arguments` of `make_step`.

  What is computed again to save memory is not counted.
  """
  plain = dataclasses.replace(settings_of(config), accumulate=1, recompute=False)
  config = dataclasses.replace(config, reference=plain, optimizer=plain)
  return devices.flops(step_of_device(config, method, modalities, transform), 1, *arguments)


def step_of_device(config: config_lib.Config, method: methods_lib.Method,
                   modalities: model.Modalities,
                   transform: optax.GradientTransformation) -> Callable:
  """What a device does in a step: (state, batch, mixtures, key) -> (state, metrics).

  The key is the run's, and the step is folded into it here. Metrics are scalars: the loss and its
  terms, and loss and accuracy of each modality.
  """
  settings, reference = settings_of(config), modalities[0].name
  loss = loss_of_device(config, method, modalities)

  def step(state, batch, mixtures, key):
    size = len(batch[reference]["label"])
    keys = devices.example_keys(jax.random.fold_in(key, state.step), size)
    gradient, metrics = _accumulated(
      lambda part: jax.grad(loss, has_aux=True)(state.trainable, state.frozen, mixtures, *part),
      (batch, keys), settings.accumulate)
    gradient, metrics = devices.mean((gradient, metrics))
    updates, new = transform.update(gradient, state.optimizer, state.trainable)
    metrics["gradient_norm"] = optax.tree.norm(gradient)
    trainable = optax.apply_updates(state.trainable, updates)
    return loop.State(state.step + 1, trainable, state.frozen, new), metrics

  return step


def loss_of_device(config: config_lib.Config, method: methods_lib.Method,
                   modalities: model.Modalities) -> Callable:
  """What is differentiated: (trainable, frozen, mixtures, batch, keys) -> (loss [], metrics)."""
  reference = modalities[0].name

  def outputs(params, x, keys, modality):
    return model.apply(params, x, modality, method, config.network, dropout_keys=keys)

  if settings_of(config).recompute:
    outputs = jax.checkpoint(outputs, static_argnums=3)

  def loss(trainable, frozen, mixtures, batch, keys):
    params = {**frozen, **trainable}
    activations, metrics = {}, {}
    labels = {name: part["label"] for name, part in batch.items()}
    for i, modality in enumerate(modalities):
      name = modality.name
      activations[name] = outputs(params, batch[name]["input"], _fold(keys, i), modality)
      logits = activations[name]["fc8"]
      metrics[f"loss/{name}"] = losses.cross_entropy(logits, labels[name])
      metrics[f"accuracy/{name}"] = (logits.argmax(-1) == labels[name]).mean()
    total = sum(metrics[f"loss/{m.name}"] for m in modalities) / len(modalities)
    metrics["loss/cross_entropy"] = total
    if method.term is not None:
      metrics["loss/alignment"] = method.term(activations, labels, mixtures,
                                              alignment=config.alignment, reference=reference)
      total = total + metrics["loss/alignment"]
    return total, {"loss": total, **metrics}

  return loss


def _fold(keys: jax.Array, number: int) -> jax.Array:
  return jax.vmap(jax.random.fold_in, (0, None))(keys, number)


def _accumulated(function: Callable, examples: Any, parts: int) -> Any:
  """Mean of `function` over equal parts of the examples, one part after the other."""
  if parts == 1:
    return function(examples)
  split = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), examples)
  one = jax.eval_shape(function, jax.tree.map(lambda x: x[0], split))
  nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), one)

  def add(total, part):
    return jax.tree.map(jnp.add, total, function(part)), None

  return jax.tree.map(lambda x: x / parts, jax.lax.scan(add, nothing, split)[0])


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
    ValueError: for a method, batch or work directory that does not fit, or a work directory that
      another process trains in; before anything is trained.
    FloatingPointError: if the loss is not finite (see `loop.run`).
    SystemExit: after SIGTERM, with the state saved.
  """
  method = methods_lib.named(config.method)
  modalities = dataset.modalities[:1] if method.reference else dataset.modalities
  settings = settings_of(config)
  devices.check_batch(settings.batch, settings.accumulate)
  if method.components is not None and not mixtures:
    raise ValueError(f"method {config.method!r} needs mixtures; run launch.fit on the reference "
                     "first")
  workdir = checkpoint.check_workdir(workdir, config)
  key = jax.random.key(config.seed)
  params = jax.jit(lambda key: model.init(
    key, modalities, method, config.network, len(dataset.classes)))(key)
  if method.reference and config.weights.file and not checkpoint.latest_step(workdir):
    params = start.from_file(params, config, method, modalities[0], dataset.classes)
  with hosts.first_alone("claim"):
    checkpoint.claim(workdir, config)  # only now: what is refused leaves no trace
  warm: dict[str, set[str]] = {}
  if reference is not None:
    params, warm = model.warm_start(params, reference.params, reference.modalities[0], modalities,
                                    method)
  samplers = batches.samplers(dataset._replace(modalities=modalities))
  constants = devices.replicate((dict(mixtures or {}), key))
  card = checkpoint.card(config, dataset.classes, modalities, dataset.fingerprint)
  rows = hosts.part(settings.batch)

  def batch_at(index):
    return devices.shard(batches.batch_at(samplers, config.seed, index, settings.batch,
                                          augment=config.augment, rows=rows))

  with (checkpoint.locked(workdir),
        checkpoint.Checkpoints(workdir, config.log.keep) as checkpoints):
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
      row = config, method, modalities, transform
      step = make_step(*row)
      state = loop.run(
        lambda state, batch, step=step: step(state, batch, *constants), state, batch_at,
        phase.last, name=config.method, total=settings.steps, workdir=workdir, log=config.log,
        save=lambda state: loop.save(state, checkpoints, card),
        examples=settings.batch * len(modalities),
        flops=lambda state, batch, row=row: flops(*row, state, batch, *constants))
      params = state.params
    if not settings.steps:  # weights from outside, kept as they are
      loop.save(loop.begin(0, params, {}, optimizer(settings, 0, {})), checkpoints, card)
    checkpoints.wait()
  hosts.wait("saved")
  return checkpoint.Run(config, dataset.classes, modalities, jax.device_get(params), settings.steps,
                        card["provenance"])
