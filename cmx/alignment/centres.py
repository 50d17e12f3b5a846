"""Centres with spread: examples to the centre of their class, centres away from each other."""

import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx.alignment import given as given_lib
from cmx.alignment import pool


def centre_spread(x: given_lib.Layer, labels: given_lib.Layer, given: given_lib.Given,
                  alignment: config_lib.Alignment) -> jax.Array:
  """Pull to the centroid of the class over modalities, and spread of the centroids.

  mean_n |z_n - c_y(n)|^2 + log mean_{classes i != j} exp(-s |c_i - c_j|^2)

  z are directions of activations; c_y is the mean over modalities of their means of class y in the
  batch, so that every modality that shows it counts once. Both parts have gradients through z.

  Args:
    x: activations {modality: [B, D]} of the whole batch.
    labels: {modality: int [B]}.
    given: not used.
    alignment: `spread` is s.

  Returns:
    The term []; with one class in the batch there is nothing to spread, and the pull alone.

  Source: Wang & Isola 2020, uniformity; arXiv 2601.18525, whose pairs are here class centroids.
  """
  del given
  all_of = pool.joined(x, labels)
  z = pool.directions(all_of.x)
  members = all_of.same / (all_of.cell * all_of.shown)  # [N, N], rows sum to 1
  centre = jnp.matmul(members, z, precision=jax.lax.Precision.HIGHEST)  # of each one's class [N, D]
  pull = jnp.square(z - centre).sum(1).mean()
  once = 1.0 / all_of.same.sum(1)  # every class counts once, however many its examples
  weight = jnp.where(all_of.same, 0.0, once[:, None] * once)
  several = weight.sum() > 0
  weight = jnp.where(several, weight / jnp.where(several, weight.sum(), 1.0), 1.0)
  potential = -alignment.spread * pool.square_distances(centre)
  return pull + jnp.where(several, jax.nn.logsumexp(potential, b=weight), 0.0)
