"""Terms that draw activations to the statistics of the reference network's.

In hundreds of dimensions the log densities of components differ by hundreds of nats, so that under
the paper's term whatever is far from every example of the reference belongs to the broadest
component, whatever its class. The label, which every modality has, says which components count.
"""

import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx.alignment import given as given_lib
from cmx.mixture import gmm

Layer = given_lib.Layer


def statistical_regularisation(x: Layer, labels: Layer, given: given_lib.Given,
                               alignment: config_lib.Alignment) -> jax.Array:
  """Mean negative log density of every modality's activations under the reference's mixture.

  mean_n [ -T log sum_k (alpha_k N(h_n; mu_k, Sigma_k))^(1/T) ] / D, then the mean over modalities;
  T = 1 is the paper's. The division by D makes weights comparable between layers: nats per
  dimension. Responsibilities, which weigh the components' pulls, are softer for T above 1.

  Args:
    x: activations {modality: [B, D]}; the reference modality's are drawn like all others.
    labels: {modality: int [B]}; not used.
    given: `statistics`, of which the mixture.
    alignment: `temperature` is T.

  Returns:
    The term [], in nats per dimension.

  Source: Castrejon et al. 2016, statistical regularisation.
  """
  return _penalty(x, labels, given.statistics._replace(share=None), alignment.temperature)


def by_class(x: Layer, labels: Layer, given: given_lib.Given,
             alignment: config_lib.Alignment) -> jax.Array:
  """The same with component weights by class, of which those a class does not own are exactly 0.

  mean_n [ -T log sum_k (P(k | y_n) N(h_n; mu_k, Sigma_k))^(1/T) ] / D

  Where P(k | y) is merely small it does nothing: hundreds of nats drown any prior but 0.

  Args:
    x: activations {modality: [B, D]}.
    labels: {modality: int [B]}.
    given: `statistics`, with a share of each component for each class.
    alignment: `temperature` is T.

  Returns:
    The term [], in nats per dimension.
  """
  return _penalty(x, labels, given.statistics, alignment.temperature)


def class_means(x: Layer, labels: Layer, given: given_lib.Given,
                alignment: config_lib.Alignment) -> jax.Array:
  """Mean squared distance to the mean of the reference's activations of the same class.

  mean_n |h_n - m_y(n)|^2 / D, then the mean over modalities; m_y = sum_k P(k | y) mu_k. The control
  of `by_class`: no variances, no mixture, to see what the density adds.

  Args:
    x: activations {modality: [B, D]}.
    labels: {modality: int [B]}.
    given: `statistics`, with shares.
    alignment: not used.

  Returns:
    The term [], in squared activations per dimension.
  """
  del alignment
  mixture, share = given.statistics
  means = jnp.matmul(share, mixture.mean, precision=gmm.EXACT)
  return sum(jnp.square(h.astype(jnp.float32) - means[labels[name]]).mean()
             for name, h in x.items()) / len(x)


def mean_responsibilities(x: Layer, labels: Layer, given: given_lib.Given,
                          alignment: config_lib.Alignment) -> dict[str, jax.Array]:
  """Share of each modality's examples that each component takes, {modality: [K]}; sums to 1.

  The health of the two terms above: where one component takes all, the mixture is one Gaussian.

  Args:
    x: activations {modality: [B, D]}.
    labels: {modality: int [B]}; used where the statistics have shares.
    given: `statistics`.
    alignment: `temperature` as in the terms.
  """
  return {name: jax.nn.softmax(_joint(h, labels[name], given.statistics) / alignment.temperature,
                               axis=-1).mean(0) for name, h in x.items()}


def _penalty(x: Layer, labels: Layer, statistics: given_lib.Statistics,
             temperature: float) -> jax.Array:
  total = jnp.zeros(())
  for name, h in x.items():
    joint = _joint(h, labels[name], statistics) / temperature
    total += -temperature * jax.nn.logsumexp(joint, axis=-1).mean() / h.shape[-1]
  return total / len(x)


def _joint(h: jax.Array, labels: jax.Array, statistics: given_lib.Statistics) -> jax.Array:
  """Log of weight times density of each component [B, K], with a class's own weights if any."""
  if statistics.share is None:
    return gmm.log_joint(h, statistics.mixture)
  return gmm.log_joint(h, statistics.mixture, jnp.log(statistics.share)[labels])
