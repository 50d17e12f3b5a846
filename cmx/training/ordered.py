"""A step that leaves the same bits on any number of devices: `config.deterministic`.

A batch is cut into `config.shards` parts whatever the number of devices. The gradient of a part is
a program for a single device (see `cmx.runtime.parts`); the parts' gradients are gathered, and each
process adds them in the order of the batch and makes the same update of them.

Terms that couple examples are computed by every process alike, on activations that are gathered
first; what they pull at an example is then a part of the loss of its own part of the batch: the
same gradient, for the price of a second forward pass.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx import methods as methods_lib
from cmx.network import model
from cmx.runtime import parts as parts_lib
from cmx.training import loop
from cmx.training import loss as loss_lib
from cmx.training import terms


def make_step(config: config_lib.Config, settings: config_lib.Optimizer, method: methods_lib.Method,
              modalities: model.Modalities, update: Callable) -> Callable:
  """The step (state, batch, constants, key) -> (state, metrics); see `step.make_step`.

  `update` is (state, gradient, terms.Observed) -> (state, metrics).
  """
  parts = config.shards * settings.accumulate
  size = settings.batch // parts  # examples of a part
  coupled = tuple(term for term in method.terms if term.couples)
  alone = method._replace(terms=tuple(term for term in method.terms if not term.couples))
  layers = {layer for term in coupled for layer in terms.layers_of(term, config)}
  forward = parts_lib.each(_forward(config, method, modalities, settings, layers, size))
  pulled = parts_lib.once(_pulled(config, method, coupled, parts))
  backward = parts_lib.each(_backward(config, method, alone, modalities, settings, parts))
  mean, finish = parts_lib.once(_mean), parts_lib.once(_finish(update, method, alone), donate=(0,))

  def step(state, batch, constants, key):
    state, constants, key = jax.device_put((state, constants, key), jax.local_devices()[0])
    key = jax.random.fold_in(key, state.step)
    pieces = parts_lib.cut(batch, size)
    values, pulls = {}, {}
    if coupled:
      values, pulls = pulled(forward(pieces, state.trainable, state.frozen, key), constants, key)
    found = backward(pieces, state.trainable, state.frozen, constants, pulls, key)
    return finish(state, mean(found), values)

  return step


def _forward(config, method, modalities, settings, layers, size) -> Callable:
  """Activations {modality: {layer: [size, D]}} that terms compare, and labels, of a part."""
  apply = loss_lib.forward(config, method, modalities, settings.recompute)

  def forward(part, place, trainable, frozen, key):
    found = apply(loop.joined(frozen, trainable), {}, part, parts_lib.keys_of(key, place, size))
    return ({name: {layer: of[layer] for layer in layers} for name, of in found.items()},
            {name: of["label"] for name, of in part.items()})

  return forward


def _pulled(config: config_lib.Config, method: methods_lib.Method,
            coupled: Sequence[methods_lib.Term], parts: int) -> Callable:
  """Values {term: []} of terms that couple examples, and their gradient by the activations of each
  part, {modality: {layer: [parts, size, D]}}."""
  def pulled(found, constants, key):
    activations, labels = jax.tree.map(lambda *of_parts: jnp.concatenate(of_parts), *found)

    def total(activations):
      values = {term.name: terms.added(config, method._replace(terms=(term,)), activations, labels,
                                       constants, {}, key, whole=True)[0] for term in coupled}
      return sum(values.values()), values

    pulls, values = jax.grad(total, has_aux=True)(activations)
    return values, jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), pulls)

  return pulled


def _backward(config, method, alone, modalities, settings, parts) -> Callable:
  """Gradient and observations of a part, as if the batch were it alone."""
  size = settings.batch // parts
  apply = loss_lib.forward(config, method, modalities, settings.recompute)
  judge = loss_lib.judged(config, alone, modalities)

  def backward(part, place, trainable, frozen, constants, pulls, key):
    keys = parts_lib.keys_of(key, place, size)

    def loss(trainable, taps):
      params = loop.joined(frozen, trainable)
      activations = apply(params, taps, part, keys)
      total, observed = judge(params, activations, part, constants, key)
      # Times the parts: it is a sum over the whole batch, of which the mean over parts is taken.
      pull = sum((activations[name][layer] * every[place]).sum() for name, of in pulls.items()
                 for layer, every in of.items())
      return total + parts * pull, observed

    (gradient, tapped), observed = jax.grad(loss, argnums=(0, 1), has_aux=True)(
      trainable, terms.taps(config, method, modalities, size))
    return gradient, observed._replace(squares=terms.squares(tapped))

  return backward


def _mean(found: Sequence[Any]) -> Any:
  """Mean of trees, added one after the other."""
  total = found[0]
  for tree in found[1:]:
    total = jax.tree.map(jnp.add, total, tree)
  return jax.tree.map(lambda x: x / len(found), total)


def _finish(update: Callable, method: methods_lib.Method, alone: methods_lib.Method) -> Callable:
  """The state after a step, and its metrics."""
  def finish(state, found, values):
    gradient, observed = found
    return update(state, gradient, observed._replace(
      metrics=_named(observed.metrics, values, method, alone)))

  return finish


def _named(metrics: dict[str, jax.Array], values: dict[str, jax.Array],
            method: methods_lib.Method, alone: methods_lib.Method) -> dict[str, jax.Array]:
  """Metrics of a step whose terms were computed apart, by the names that they have otherwise."""
  if not values:
    return metrics
  more, known = sum(values.values()), metrics.get("loss/alignment")
  each = {f"loss/{name}": value for name, value in values.items()}
  if len(alone.terms) == 1:
    each[f"loss/{alone.terms[0].name}"] = known
  return {**metrics, **(each if len(method.terms) > 1 else {}), "loss": metrics["loss"] + more,
          "loss/alignment": more if known is None else known + more}
