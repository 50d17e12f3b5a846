"""The loss that every row has."""

import jax
import optax


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """Mean softmax cross entropy in nats; logits [B, C], labels int [B] -> []."""
  return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
