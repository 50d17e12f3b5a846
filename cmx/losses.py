"""Losses: cross entropy and the alignment terms, as pure functions of activations and labels."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from cmx.mixture import gmm


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """Mean softmax cross entropy in nats; logits [B, C], labels int [B] -> []."""
  return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def statistical_regularisation(
    activations: Mapping[str, Mapping[str, jax.Array]],
    labels: Mapping[str, jax.Array],
    mixtures: Mapping[str, gmm.Mixture],
    *,
    alignment,
    reference: str,
) -> jax.Array:
  """Mean negative log density of every modality's activations under the reference's mixtures.

  sum_i lambda_i mean_n [ -log P_i(h_i(x_n)) ] / D_i, over layers i, then the mean over modalities.
  The division by the width D_i makes lambda comparable between layers: nats per dimension.

  Args:
    activations: {modality: {layer: [B, D]}}.
    labels: {modality: int [B]}; not used, part of every term's signature.
    mixtures: {layer: Mixture}, fixed; which layers are regularised.
    alignment: config.Alignment; `weight` is lambda.
    reference: name of the reference modality; its activations are regularised like all others.

  Returns:
    The weighted penalty [], in nats per dimension.

  Source: Castrejon et al. 2016, statistical regularisation.
  """
  del labels, reference
  total = jnp.zeros(())
  for layer, mixture in mixtures.items():
    for layers in activations.values():
      h = layers[layer]
      total += -gmm.log_prob(h, mixture).mean() / h.shape[-1]
  return alignment.weight * total / len(activations)
