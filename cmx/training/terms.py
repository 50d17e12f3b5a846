"""What a row adds to the cross entropy, what share of the gradient it is, and its health."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cmx import alignment
from cmx import config as config_lib
from cmx import methods as methods_lib
from cmx.alignment import given as given_lib
from cmx.alignment import mixture
from cmx.network import model
from cmx.network import towers
from cmx.runtime import devices

ADVERSARY = "discriminator"  # in the parameters, beside the layers of the network


class Observed(NamedTuple):
  """What a step says of itself; all of it may be averaged over devices and parts of a batch.

  Attributes:
    metrics: scalars by name.
    responsibilities: {layer: {modality: [K]}}, mean over examples.
    moments: {layer: {modality: {"mean" and "variance": [D]}}}, of rows that normalise.
    squares: {"cross_entropy" and "terms": []}, of the gradients at the highest layer of a term.
  """

  metrics: dict[str, jax.Array]
  responsibilities: dict[str, dict[str, jax.Array]]
  moments: dict[str, dict[str, Any]]
  squares: dict[str, jax.Array]


def function_of(term: methods_lib.Term) -> Callable[..., jax.Array]:
  """What computes a term of a layer's activations [B, D]; see `cmx.alignment` for its signature."""
  file, name = term.function.split(".")
  return getattr(importlib.import_module(f"{alignment.__name__}.{file}"), name)


def layers_of(term: methods_lib.Term, config: config_lib.Config) -> tuple[str, ...]:
  """The layers that a term is on."""
  return config.mixture.layers if term.statistics else config.alignment.layers


def couples(method: methods_lib.Method) -> bool:
  """Whether what is done with an example depends on others of its batch."""
  return method.normalised or any(term.couples for term in method.terms)


def added(config: config_lib.Config, method: methods_lib.Method,
          activations: Mapping[str, Mapping[str, jax.Array]], labels: Mapping[str, jax.Array],
          constants: given_lib.Constants, adversaries: Mapping[str, Any],
          key: jax.Array, whole: bool = False) -> tuple[jax.Array, Observed]:
  """The row's terms, each with its weight, summed over their layers; inside `pmap` only.

  A term that couples examples is given those of all devices. Every device then computes the whole
  term, and the mean over devices of the gradients of its own examples is the term's gradient.

  Args:
    config: `alignment.weight` multiplies the weights of the row.
    method: the row.
    activations: {modality: {layer: [B, D]}}.
    labels: {modality: int [B]}.
    constants: what the row was given.
    adversaries: parameters of the classifier of modalities of each layer, {layer: tree}.
    key: random key of the step [], the same on all devices.
    whole: whether these are the examples of all devices already.

  Returns:
    The sum [], which is "loss/alignment", and where there are several terms each as "loss/<term>";
    with the responsibilities of mixtures.
  """
  metrics, responsibilities, total = {}, {}, jnp.zeros(())
  for term in method.terms:
    value, function = jnp.zeros(()), function_of(term)
    for number, layer in enumerate(layers_of(term, config)):
      x, y = {name: part[layer] for name, part in activations.items()}, dict(labels)
      if term.couples and not whole:
        x, y = devices.gather((x, y))
      given = given_lib.Given(constants.statistics.get(layer), constants.prototypes,
                              adversaries.get(layer), jax.random.fold_in(key, number))
      value += function(x, y, given, config.alignment)
      if term.statistics:
        responsibilities[layer] = mixture.mean_responsibilities(x, y, given, config.alignment)
    metrics[f"loss/{term.name}"] = config.alignment.weight * term.weight * value
    total += metrics[f"loss/{term.name}"]
  if method.terms:
    metrics = {**(metrics if len(method.terms) > 1 else {}), "loss/alignment": total}
  return total, Observed(metrics, jax.lax.stop_gradient(responsibilities), {}, {})


def watched(config: config_lib.Config, method: methods_lib.Method) -> str | None:
  """The higher of fc6 and fc7 that a term is on, where gradients are compared; None for neither.
  """
  on = {layer.removesuffix("_linear") for term in method.terms for layer in layers_of(term, config)}
  return next((layer for layer in ("fc7", "fc6") if layer in on), None)


def taps(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities,
         size: int) -> dict[str, dict[str, jax.Array]]:
  """Zeros {modality: {layer: [2, size, D]}} whose gradient is that of the layer before its ReLU.

  The first of two is added to what goes on to the classifier, the second to what terms are given,
  so that one backward pass tells both gradients apart, for the price of their norms.
  """
  layer = watched(config, method)
  if layer is None:
    return {}
  shape = (2, size, config.network.trunk)
  return {m.name: {layer: jnp.zeros(shape, towers.precision(config.network))} for m in modalities}


def squares(gradient: Mapping[str, Mapping[str, jax.Array]]) -> dict[str, jax.Array]:
  """Squared norms {"cross_entropy" and "terms": []} of a gradient with respect to `taps`."""
  parts = [jnp.square(tap.astype(jnp.float32)).sum((1, 2))
           for layers in gradient.values() for tap in layers.values()]
  return dict(zip(("cross_entropy", "terms"), sum(parts))) if parts else {}


def scalars(observed: Observed) -> dict[str, jax.Array]:
  """Metrics of a step over all devices, all of them scalars []; NaN in none.

  `gradient_share` is the norm of the terms' gradient over the sum of its norm and the cross
  entropy's, at the highest layer that a term is on. `largest/<layer>/<modality>` is the share of
  the modality's examples that the component which takes most takes, `entropy/...` that of the mean
  responsibility, in nats.
  """
  metrics = dict(observed.metrics)
  if observed.squares:
    cross_entropy, terms = (jnp.sqrt(observed.squares[name]) for name in ("cross_entropy", "terms"))
    total = cross_entropy + terms
    metrics["gradient_share"] = terms / jnp.where(total > 0, total, 1.0)
  for layer, modalities in observed.responsibilities.items():
    for name, mean in modalities.items():
      if len(mean) > 1:  # a single Gaussian takes all, as it should
        metrics[f"largest/{layer}/{name}"] = mean.max()
        metrics[f"entropy/{layer}/{name}"] = jax.scipy.special.entr(mean).sum()
  return metrics
