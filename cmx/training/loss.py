"""What is differentiated in a step: cross entropy of each modality, and what the row adds to it."""

from collections.abc import Callable

import jax

from cmx import config as config_lib
from cmx import methods as methods_lib
from cmx.alignment import classification
from cmx.network import model
from cmx.runtime import devices
from cmx.training import loop
from cmx.training import terms


def of_device(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities,
              recompute: bool = False) -> Callable:
  """What is differentiated, by parameters and by `terms.taps`, inside `pmap` only:

  (trainable, taps, frozen, constants, batch, keys [B], key []) -> (loss [], terms.Observed)
  """
  apply, judge = forward(config, method, modalities, recompute), judged(config, method, modalities)

  def loss(trainable, taps, frozen, constants, batch, keys, key):
    params = loop.joined(frozen, trainable)
    return judge(params, apply(params, taps, batch, keys), batch, constants, key)

  return loss


def forward(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities,
            recompute: bool = False) -> Callable:
  """Activations of all modalities: (params, taps, batch, keys [B]) -> {modality: {layer: [B, D]}}.

  With `recompute` they are computed again in the backward pass, and not kept for it.
  """
  moments = devices.moments if method.normalised else None

  def outputs(params, x, keys, taps, modality):
    return model.apply(params, x, modality, method, config.network, dropout_keys=keys, taps=taps,
                       moments=moments)

  if recompute:
    outputs = jax.checkpoint(outputs, static_argnums=4)

  def apply(params, taps, batch, keys):
    return {modality.name: outputs(params, batch[modality.name]["input"], _fold(keys, i),
                                   taps.get(modality.name, {}), modality)
            for i, modality in enumerate(modalities)}

  return apply


def _fold(keys: jax.Array, number: int) -> jax.Array:
  return jax.vmap(jax.random.fold_in, (0, None))(keys, number)


def judged(config: config_lib.Config, method: methods_lib.Method, modalities: model.Modalities
           ) -> Callable:
  """The loss of activations, inside `pmap` only:

  (params, {modality: {layer: [B, D]}}, batch, constants, key []) -> (loss [], terms.Observed)
  """
  def judge(params, activations, batch, constants, key):
    metrics, labels = {}, {name: part["label"] for name, part in batch.items()}
    for modality in modalities:
      name = modality.name
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

  return judge
