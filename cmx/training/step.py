"""One pmapped step for every row: phases, optimiser, loss and update."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from cmx import config as config_lib
from cmx import methods as methods_lib
from cmx.alignment import adversary
from cmx.alignment import normalisation
from cmx.network import model
from cmx.runtime import devices
from cmx.training import gradient as gradient_lib
from cmx.training import loop
from cmx.training import ordered
from cmx.training import terms


class Phase(NamedTuple):
  """A stretch of steps [first, last) with one frozen set: layers, and {layer: owners} beside."""

  frozen: tuple[str, ...]
  first: int
  last: int
  kept: Mapping[str, Collection[str]] = {}


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
  return loop.begin(step, *divided(params, phase), transform)


def divided(params: model.Params, phase: Phase) -> tuple[model.Params, model.Params]:
  """What is trained in a phase {layer: {owner: tree}}, and the rest: frozen, kept or remembered."""
  still = {*phase.frozen, *model.MOMENTS.values()}

  def part(trained):
    found = {layer: {name: tree for name, tree in owners.items() if trained == (
      layer not in still and name not in phase.kept.get(layer, ()))}
      for layer, owners in params.items()}
    return {layer: owners for layer, owners in found.items() if owners}

  return part(True), part(False)


def parameters(key: jax.Array, config: config_lib.Config, modalities: model.Modalities,
               classes: int) -> model.Params:
  """Fresh parameters {layer: {owner: tree}} of arrays [...]: the network's, and its adversary's."""
  method = methods_lib.named(config.method)
  params = model.init(key, modalities, method, config.network, classes)
  if any(term.adversary for term in method.terms):
    params[terms.ADVERSARY] = {model.SHARED: {
      layer: adversary.init(jax.random.fold_in(key, number), config.network.trunk,
                            config.alignment.discriminator, [m.name for m in modalities])
      for number, layer in enumerate(config.alignment.layers)}}
  return params


def make_step(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities,
              transform: optax.GradientTransformation) -> Callable:
  """The pmapped train step: (state, batch, constants, key) -> (state, metrics).

  The state is whole on every device and is donated; the batch has a leading device axis (see
  `devices.shard`); the rest is as for `step_of_device`.
  """
  if config.deterministic:
    return ordered.make_step(config, settings_of(config), method, modalities,
                             _update(config, transform))
  step = step_of_device(config, method, modalities, transform)
  return devices.pmap(step, batch_argnum=1, arguments=4, donate=(0,))


def flops(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities,
          transform: optax.GradientTransformation, *arguments: Any) -> float:
  """Floating point operations that one device's share of a step needs; `arguments` of `make_step`.

  What is computed again to save memory is not counted.
  """
  plain = dataclasses.replace(settings_of(config), accumulate=1, recompute=False)
  config = dataclasses.replace(config, reference=plain, optimizer=plain, deterministic=False)
  return devices.flops(step_of_device(config, method, modalities, transform), 1, *arguments)


def step_of_device(config: config_lib.Config, method: methods_lib.Method,
                   modalities: model.Modalities,
                   transform: optax.GradientTransformation) -> Callable:
  """What a device does in a step: (state, batch, constants, key) -> (state, metrics).

  The constants are `given.Constants`. The key is the run's, and the step is folded into it here.
  Metrics are scalars: the loss and its terms, loss and accuracy of each modality, and the terms'
  health (see `terms.scalars`).
  """
  gradient_of = gradient_lib.of_device(config, settings_of(config), method, modalities)
  update = _update(config, transform)

  def step(state, batch, constants, key):
    # The step's key is folded from the run's: a resumed run draws what it would have drawn.
    key = jax.random.fold_in(key, state.step)
    return update(state, *gradient_of(state.trainable, state.frozen, batch, constants, key))

  return step


def _update(config: config_lib.Config, transform: optax.GradientTransformation) -> Callable:
  """(state, gradient, terms.Observed), of the whole batch -> (state, metrics)."""
  def update(state, gradient, observed):
    updates, new = transform.update(gradient, state.optimizer, state.trainable)
    metrics = {**terms.scalars(observed), "gradient_norm": optax.tree.norm(gradient)}
    frozen = loop.joined(state.frozen, normalisation.remembered(
      state.frozen, observed.moments, config.alignment.memory))
    after = loop.State(state.step + 1, optax.apply_updates(state.trainable, updates), frozen, new)
    if settings_of(config).skip:
      after = _where_finite(metrics, after, state._replace(step=after.step))
    return after, metrics

  return update


def _where_finite(metrics: Mapping[str, jax.Array], after: Any, otherwise: Any) -> Any:
  finite = jnp.isfinite(metrics["loss"]) & jnp.isfinite(metrics["gradient_norm"])
  return jax.tree.map(lambda a, b: jnp.where(finite, a, b), after, otherwise)
