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
from cmx.alignment import classification
from cmx.alignment import normalisation
from cmx.network import model
from cmx.runtime import devices
from cmx.training import loop
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
  """What a device does in a step: (state, batch, constants, key) -> (state, metrics).

  The constants are `given.Constants`. The key is the run's, and the step is folded into it here.
  Metrics are scalars: the loss and its terms, loss and accuracy of each modality, and the terms'
  health (see `terms.scalars`).
  """
  settings, reference = settings_of(config), modalities[0].name
  loss = loss_of_device(config, method, modalities)

  def step(state, batch, constants, key):
    size = len(batch[reference]["label"])
    # The step's key is folded from the run's: a resumed run draws what it would have drawn.
    key = jax.random.fold_in(key, state.step)
    taps = terms.taps(config, method, modalities, size // settings.accumulate)

    def of_part(part):
      (gradient, tapped), observed = jax.grad(loss, argnums=(0, 1), has_aux=True)(
        state.trainable, taps, state.frozen, constants, *part, key)
      return gradient, observed._replace(squares=terms.squares(tapped))

    gradient, observed = devices.mean(_accumulated(
      of_part, (batch, devices.example_keys(key, size)), settings.accumulate))
    updates, new = transform.update(gradient, state.optimizer, state.trainable)
    metrics = {**terms.scalars(observed), "gradient_norm": optax.tree.norm(gradient)}
    frozen = loop.joined(state.frozen, normalisation.remembered(
      state.frozen, observed.moments, config.alignment.memory))
    trainable = optax.apply_updates(state.trainable, updates)
    return loop.State(state.step + 1, trainable, frozen, new), metrics

  return step


def loss_of_device(config: config_lib.Config, method: methods_lib.Method,
                   modalities: model.Modalities) -> Callable:
  """What is differentiated, by parameters and by `terms.taps`, inside `pmap` only:

  (trainable, taps, frozen, constants, batch, keys [B], key []) -> (loss [], terms.Observed)
  """
  moments = devices.moments if method.normalised else None

  def outputs(params, x, keys, taps, modality):
    return model.apply(params, x, modality, method, config.network, dropout_keys=keys, taps=taps,
                       moments=moments)

  if settings_of(config).recompute:
    outputs = jax.checkpoint(outputs, static_argnums=4)

  def loss(trainable, taps, frozen, constants, batch, keys, key):
    params = loop.joined(frozen, trainable)
    activations, metrics = {}, {}
    labels = {name: part["label"] for name, part in batch.items()}
    for i, modality in enumerate(modalities):
      name = modality.name
      activations[name] = outputs(params, batch[name]["input"], _fold(keys, i), taps.get(name, {}),
                                  modality)
      logits = activations[name]["fc8"]
      metrics[f"loss/{name}"] = classification.cross_entropy(logits, labels[name])
      metrics[f"accuracy/{name}"] = (logits.argmax(-1) == labels[name]).mean()
    total = sum(metrics[f"loss/{m.name}"] for m in modalities) / len(modalities)
    metrics["loss/cross_entropy"] = total
    adversaries = params.get(terms.ADVERSARY, {}).get(model.SHARED, {})
    more, observed = terms.added(config, method, activations, labels, constants, adversaries, key)
    total = total + more
    seen = {layer: {name: part[layer] for name, part in activations.items()}
            for layer in model.MOMENTS.values() if method.normalised}
    return total, observed._replace(metrics={"loss": total, **metrics, **observed.metrics},
                                    moments=jax.lax.stop_gradient(seen))

  return loss


def _fold(keys: jax.Array, number: int) -> jax.Array:
  return jax.vmap(jax.random.fold_in, (0, None))(keys, number)


def _accumulated(function: Callable, examples: Any, parts: int) -> Any:
  """Mean of `function` over equal parts of the examples, one part after the other."""
  if parts == 1:
    return function(examples)
  # A loop of the compiler's, so that one part's activations are held at a time.
  split = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), examples)
  one = jax.eval_shape(function, jax.tree.map(lambda x: x[0], split))
  nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), one)

  def add(total, part):
    return jax.tree.map(jnp.add, total, function(part)), None

  return jax.tree.map(lambda x: x / parts, jax.lax.scan(add, nothing, split)[0])
