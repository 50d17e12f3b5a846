"""All modalities' examples of a batch in one pool, and who is of whose class and modality.

What couples examples works on pairs [N, N] of the pool: no number of classes is needed, and a class
that is missing somewhere needs no place.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from cmx.alignment import given as given_lib


class Pool(NamedTuple):
  """N examples, modality after modality.

  Attributes:
    x: activations [N, D], float32.
    same: whether two are of one class, bool [N, N]; so is everyone with themselves.
    across: whether two are of different modalities, bool [N, N].
    cell: how many examples of its own class and modality there are, oneself among them [N].
    shown: in how many modalities its class is shown [N].
  """

  x: jax.Array
  same: jax.Array
  across: jax.Array
  cell: jax.Array
  shown: jax.Array


def joined(x: given_lib.Layer, labels: given_lib.Layer) -> Pool:
  """Pools {modality: [B, D]} with labels {modality: int [B]}, which may differ in B."""
  names = sorted(x)
  features = jnp.concatenate([x[name].astype(jnp.float32) for name in names])
  label = jnp.concatenate([labels[name] for name in names])
  modality = jnp.concatenate([jnp.full(len(x[name]), i) for i, name in enumerate(names)])
  same = label[:, None] == label
  across = modality[:, None] != modality
  cell = (same & ~across).sum(1).astype(jnp.float32)
  shown = jnp.round((same / cell).sum(1))  # a whole number, but for rounding
  return Pool(features, same, across, cell, shown)


def directions(x: jax.Array) -> jax.Array:
  """x [N, D] scaled to unit length; zeros stay zeros, with a gradient of zero."""
  square = jnp.square(x).sum(-1, keepdims=True)
  some = square > 0
  return jnp.where(some, x * jax.lax.rsqrt(jnp.where(some, square, 1.0)), 0.0)


def square_distances(x: jax.Array) -> jax.Array:
  """|x_i - x_j|^2 of all pairs, [N, D] -> [N, N], by one matrix product; never below 0."""
  square = jnp.square(x).sum(-1)
  product = jnp.matmul(x, x.T, precision=jax.lax.Precision.HIGHEST)
  return jnp.maximum(square[:, None] + square - 2.0 * product, 0.0)


def mean_where(values: jax.Array, weight: jax.Array) -> jax.Array:
  """Mean of values [...] by weights >= 0 [...]; 0 where all weights are 0."""
  total = weight.sum()
  return (jnp.where(weight > 0, values, 0.0) * weight).sum() / jnp.where(total > 0, total, 1.0)
