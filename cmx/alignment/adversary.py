"""An adversary that tells modalities apart, and a network that is trained to leave it nothing."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx.alignment import classification
from cmx.alignment import given as given_lib

_HE = jax.nn.initializers.he_normal()


def init(key: jax.Array, width: int, hidden: int, modalities: Sequence[str]) -> dict[str, Any]:
  """Fresh parameters of the classifier of modalities, one hidden layer: {layer: {array [...]}}."""
  first, second = jax.random.split(key)
  return {"hidden": _dense(first, width, hidden), "out": _dense(second, hidden, len(modalities))}


def _dense(key: jax.Array, inputs: int, outputs: int) -> dict[str, jax.Array]:
  return {"kernel": _HE(key, (inputs, outputs)), "bias": jnp.zeros(outputs)}


def gradient_reversal(x: given_lib.Layer, labels: given_lib.Layer, given: given_lib.Given,
                      alignment: config_lib.Alignment) -> jax.Array:
  """Cross entropy of a classifier of modalities, whose gradient is turned round at the activations.

  The classifier learns to tell modalities apart while the network learns that it cannot. The
  reversal is not warmed up; the term's weight is that of both.

  Args:
    x: activations {modality: [B, D]}.
    labels: {modality: int [B]}; not used: which modality is the label.
    given: `discriminator` as of `init`, for the modalities in order of their names.
    alignment: not used.

  Returns:
    The term [], in nats; log M where the classifier knows nothing.

  Source: Ganin et al. 2016, DANN.
  """
  del labels, alignment
  total = jnp.zeros(())
  for i, name in enumerate(sorted(x)):  # which output is whose must not hang on an order of calls
    h = x[name].astype(jnp.float32)
    h = 2.0 * jax.lax.stop_gradient(h) - h  # the same value, minus the gradient
    for layer, activate in (("hidden", jax.nn.relu), ("out", lambda logits: logits)):
      h = activate(h @ given.discriminator[layer]["kernel"] + given.discriminator[layer]["bias"])
    total += classification.cross_entropy(h, jnp.full(len(h), i))
  return total / len(x)
