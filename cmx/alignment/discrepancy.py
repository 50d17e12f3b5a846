"""Distances between the distributions of modalities: kernels, moments, sorted projections."""

import jax
import jax.numpy as jnp

from cmx import config as config_lib
from cmx.alignment import given as given_lib
from cmx.alignment import pool

_EXACT = jax.lax.Precision.HIGHEST


def class_mmd(x: given_lib.Layer, labels: given_lib.Layer, given: given_lib.Given,
              alignment: config_lib.Alignment) -> jax.Array:
  """Class-conditional maximum mean discrepancy, several bandwidths.

  mean over classes c and pairs of modalities a, b that show c of | mu_ac - mu_bc |^2, with mu the
  mean embedding in the kernel k(x, y) = mean_w exp( -|x - y|^2 / (w s) ); s is the mean squared
  distance of the batch's examples, of which no gradient is taken.

  Args:
    x: activations {modality: [B, D]} of the whole batch.
    labels: {modality: int [B]}.
    given: not used.
    alignment: `bandwidths` are w.

  Returns:
    The term [], from 0 to 2; 0 where no class is shown twice.

  Source: Gretton et al. 2012; Long et al. 2015 (DAN), per class as in Long et al. 2017 (JAN).
  """
  del given
  all_of = pool.joined(x, labels)
  distance = pool.square_distances(all_of.x)
  scale = jax.lax.stop_gradient(distance.mean())
  scale = jnp.where(scale > 0, scale, 1.0)
  kernel = sum(jnp.exp(-distance / (width * scale)) for width in alignment.bandwidths)
  # |mu_a|^2 stands in as many pairs as there are other modalities with the class, and each product
  # mu_a.mu_b once with a before b and once after.
  role = jnp.where(all_of.across, -1.0, all_of.shown - 1.0)
  weight = jnp.where(all_of.same, role / (all_of.cell[:, None] * all_of.cell), 0.0)
  # Examples of a class share its pairs, shown (shown - 1) / 2: summed over its examples, once.
  examples = all_of.same.sum(1)
  pairs = (all_of.shown * (all_of.shown - 1.0) / 2.0 / examples).sum()
  total = (kernel * weight).sum() / len(alignment.bandwidths)
  return jnp.where(pairs > 0, total / jnp.where(pairs > 0, pairs, 1.0), 0.0)


def coral(x: given_lib.Layer, labels: given_lib.Layer, given: given_lib.Given,
          alignment: config_lib.Alignment) -> jax.Array:
  """Deep CORAL and means: squared differences of first and second moments.

  mean over pairs of modalities a, b of |C_a - C_b|_F^2 / (4 D^2) + |m_a - m_b|^2 / D, with C the
  covariance over the batch, divided by B - 1. Taken from the products of examples [N, N], for
  |C_a|_F^2 = |X_a X_a'|_F^2: covariances [D, D] are never made.

  Args:
    x: activations {modality: [B, D]} of the whole batch.
    labels: {modality: int [B]}; not used.
    given: not used.
    alignment: not used.

  Returns:
    The term []; 0 for a single modality.

  Source: Sun & Saenko 2016, Deep CORAL.
  """
  del labels, given, alignment
  names = sorted(x)
  if len(names) < 2:
    return jnp.zeros(())
  features = [x[name].astype(jnp.float32) for name in names]
  means, width = [h.mean(0) for h in features], features[0].shape[1]
  # Scaled so that products of examples are those of covariances; one example has no covariance.
  centred = [(h - mean) / max(len(h) - 1, 1) ** 0.5 for h, mean in zip(features, means)]
  square = [[jnp.square(jnp.matmul(a, b.T, precision=_EXACT)).sum() for b in centred]
            for a in centred]
  total = jnp.zeros(())
  pairs = [(a, b) for a in range(len(names)) for b in range(a)]
  for a, b in pairs:
    total += (square[a][a] + square[b][b] - 2.0 * square[a][b]) / (4.0 * width**2)
    total += jnp.square(means[a] - means[b]).mean()
  return total / len(pairs)


def sliced_wasserstein(x: given_lib.Layer, labels: given_lib.Layer, given: given_lib.Given,
                       alignment: config_lib.Alignment) -> jax.Array:
  """Mean squared distance of sorted projections on random directions, new ones in each step.

  mean over pairs of modalities a, b and directions u of mean_i ( sort(X_a u)_i - sort(X_b u)_i )^2

  Args:
    x: activations {modality: [B, D]} of the whole batch, as many of each modality.
    labels: {modality: int [B]}; not used: batches hold each class about as often in all modalities.
    given: `key` of the directions, the same on all devices.
    alignment: `projections` is the number of directions.

  Returns:
    The term [], in squared activations along a direction; 0 for a single modality.

  Source: Bonneel et al. 2015; Lee et al. 2019, sliced Wasserstein discrepancy.
  """
  del labels
  names = sorted(x)
  width = x[names[0]].shape[1]
  directions = pool.directions(jax.random.normal(given.key, (alignment.projections, width)))
  sort = {name: jnp.sort(jnp.matmul(x[name].astype(jnp.float32), directions.T, precision=_EXACT),
                         axis=0) for name in names}
  distances = [jnp.square(sort[a] - sort[b]).mean() for i, a in enumerate(names)
               for b in names[:i]]
  return sum(distances) / max(len(distances), 1) + jnp.zeros(())
