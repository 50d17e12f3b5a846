"""Contrast between modalities with the label as the judge: several positives, none a pair."""

import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx.alignment import given as given_lib
from cmx.alignment import pool

_LOW = -1e30  # stands for minus infinity, whose differences would be NaN


def supervised_contrast(x: given_lib.Layer, labels: given_lib.Layer, given: given_lib.Given,
                        alignment: config_lib.Alignment) -> jax.Array:
  """SupCon across modalities: an example finds those of its class among all of other modalities.

  mean_i [ -1/|P(i)| sum_{p in P(i)} log( exp(z_i.z_p / t) / sum_{a in A(i)} exp(z_i.z_a / t) ) ]

  z are directions of activations, A(i) the batch's examples of other modalities, P(i) those among
  them that are of i's class. Examples without positives are left out of the mean.

  Args:
    x: activations {modality: [B, D]} of the whole batch.
    labels: {modality: int [B]}.
    given: not used.
    alignment: `contrast` is t.

  Returns:
    The term [], in nats.

  Source: Khosla et al. 2020, supervised contrastive learning; Yang et al. 2022, UniCL.
  """
  del given
  all_of = pool.joined(x, labels)
  logits = _cosines(all_of) / alignment.contrast
  positive = all_of.same & all_of.across
  total = jax.nn.logsumexp(jnp.where(all_of.across, logits, _LOW), axis=1)
  count = positive.sum(1)
  mean = jnp.where(positive, logits, 0.0).sum(1) / jnp.maximum(count, 1)
  return pool.mean_where(total - mean, (count > 0).astype(jnp.float32))


def sigmoid_contrast(x: given_lib.Layer, labels: given_lib.Layer, given: given_lib.Given,
                     alignment: config_lib.Alignment) -> jax.Array:
  """Class-positive sigmoid contrast: of two examples of different modalities, are they of a class?

  -1/N sum_{i, j of different modalities} log sigma( s_ij (z_i.z_j / t + b) ), s_ij = 1 for examples
  of one class, else -1; N examples in all. SigLIP's loss, with labels in place of pairs.

  Args:
    x: activations {modality: [B, D]} of the whole batch.
    labels: {modality: int [B]}.
    given: not used.
    alignment: `contrast` is t, `bias` is b; SigLIP trains both, here they are fixed.

  Returns:
    The term [], in nats.

  Source: Zhai et al. 2023, SigLIP.
  """
  del given
  all_of = pool.joined(x, labels)
  sign = jnp.where(all_of.same, 1.0, -1.0)
  logits = sign * (_cosines(all_of) / alignment.contrast + alignment.bias)
  return -jnp.where(all_of.across, jax.nn.log_sigmoid(logits), 0.0).sum() / len(all_of.x)


def _cosines(all_of: pool.Pool) -> jax.Array:
  z = pool.directions(all_of.x)
  return jnp.matmul(z, z.T, precision=jax.lax.Precision.HIGHEST)
