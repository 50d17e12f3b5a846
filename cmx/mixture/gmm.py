"""Gaussian mixtures: log density of activations, by matrix products; `cmx.mixture.em` fits them."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

# GPUs and TPUs would round the factors of a product to 10 or 7 bits, far too few for differences of
# squares.
EXACT = jax.lax.Precision.HIGHEST

_FAR = 1e30  # in front of a rotation, whose sums of D terms must not overflow
_LARGEST = 1e37  # of a sum of squares, plain or over the variances; float32 ends at 3e38
# Where the square of a mean over its variances is more, expanding costs an example about 1e-3 nats:
# up to 9e-7 of it, at widths from 64 to 4096.
_CANCELS = 2048.0


class Mixture(NamedTuple):
  """A mixture over one layer's activations; K = 1 is the single Gaussian.

  Attributes:
    weight: [K], positive, sums to 1.
    mean: [K, D].
    variance: [K, D], positive; [1, D] where all components have the same (tied).
    basis: [D, D], whose orthonormal columns are the directions that have these variances; None for
      the units themselves. With a basis, K = 1 is any full Gaussian.
  """

  weight: jax.Array
  mean: jax.Array
  variance: jax.Array
  basis: jax.Array | None = None


@jax.jit
def log_prob(x: jax.Array, mixture: Mixture) -> jax.Array:
  """Log density of activations under a Gaussian mixture.

  log p(x) = logsumexp_k [ log weight_k + log N(x; mean_k, diag(variance_k)) ]

  Args:
    x: activations [..., D], any float type; computed in float32.
    mixture: weight [K], mean [K, D], variance [K, D] or [1, D]; variance > 0.

  Returns:
    Log density in nats [...], float32. It and its gradient are finite for every finite x: further
    than about 1e37 nats out, or 1e18 in activations, the density does not change any more.

  Raises:
    ValueError: if the widths of x and the mixture differ.

  Source: Castrejon et al. 2016, statistical regularisation.
  """
  return jax.nn.logsumexp(log_joint(x, mixture), axis=-1)


def log_joint(x: jax.Array, mixture: Mixture, log_weight: jax.Array | None = None) -> jax.Array:
  """log weight_k + log N(x; mean_k, variance_k) for every component: [..., D] -> [..., K].

  `log_weight` [..., K] stands in for the mixture's own weights; a component at -inf is left out,
  from values and from gradients, and one at least must not be.

  The square is expanded, (x - m)^2 / v = x^2 / v - 2 x m / v + m^2 / v, so that everything is a
  matrix product and no array [..., K, D] exists. That cancels where a component is narrow and far
  from the middle; so the square of the most likely component, which alone counts where
  responsibilities are one-hot, is taken as it is written.

  Raises:
    ValueError: if the widths of x and the mixture differ.
  """
  if x.shape[-1] != mixture.mean.shape[-1]:
    raise ValueError(f"activations of width {x.shape[-1]}; the mixture was fitted on width "
                     f"{mixture.mean.shape[-1]}")
  weight, mean, variance = (jnp.asarray(a, jnp.float32) for a in mixture[:3])
  centre = weight @ mean
  x, mean = x.astype(jnp.float32) - centre, mean - centre
  if mixture.basis is not None:
    x, mean = (jnp.matmul(a, mixture.basis, precision=EXACT)
               for a in (jnp.clip(x, -_FAR, _FAR), mean))
  precision = 1.0 / variance
  bound = jnp.sqrt(_LARGEST / (jnp.maximum(precision.max(0), 1.0) * x.shape[-1]))
  x, mean = jnp.clip(x, -bound, bound), jnp.clip(mean, -bound, bound)
  log_weight = jnp.log(weight) if log_weight is None else log_weight
  expanded = _expanded(x, mean, precision, _scale(log_weight, variance))
  return _with_best_as_written(x, expanded)


def log_joint_of_block(x: jax.Array, mixture: Mixture, centre: jax.Array) -> jax.Array:
  """`log_joint` of a block of examples that are worked off together: [B, D] -> [B, K].

  The square of the most likely component is taken as it is written only in blocks where expanding
  it could cost an example more than about 1e-3 nats: one whose most likely component's mean lies
  far from the centre in its own deviations. So an example's last bits depend on its block;
  `log_joint`'s do not.

  Args:
    x: activations [B, D].
    mixture: without a basis.
    centre: to expand about [D], near the mixture's mean, as the mean of all examples is.
  """
  weight, mean, variance = (jnp.asarray(a, jnp.float32) for a in mixture[:3])
  z = x - centre
  expanded = _expanded(z, mean - centre, 1.0 / variance, _scale(jnp.log(weight), variance))
  joint, offset = expanded.joint, expanded.offset
  overflows = ~(joint.min() > -_LARGEST)  # or is not a number
  # The maximum is looked for by value: an argmax takes as long as a tenth of all products.
  cancels = jnp.where(joint == joint.max(-1, keepdims=True), offset, 0.0).max() > _CANCELS
  return jax.lax.switch(jnp.where(overflows, 2, cancels.astype(int)), (
    lambda: joint, lambda: _with_best_as_written(z, expanded), lambda: log_joint(x, mixture)))


class _Expanded(NamedTuple):
  """Joint log densities by an expanded square, and what they were made of."""

  joint: jax.Array  # [..., K]
  offset: jax.Array  # the square of the means alone [K], which cancels where examples are near
  scale: jax.Array  # log density where the square is 0 [K] or [..., K]
  mean: jax.Array  # [K, D]
  precision: jax.Array  # [K, D] or [1, D]


def _scale(log_weight: jax.Array, variance: jax.Array) -> jax.Array:
  return log_weight - 0.5 * jnp.log(2.0 * math.pi * variance).sum(-1)


def _expanded(z: jax.Array, mean: jax.Array, precision: jax.Array, scale: jax.Array) -> _Expanded:
  """Of activations [..., D] and means from one centre."""
  offset = (mean * mean * precision).sum(-1)
  square = (jnp.matmul(z * z, precision.T, precision=EXACT)
            - 2.0 * jnp.matmul(z, (mean * precision).T, precision=EXACT)
            + offset)
  return _Expanded(scale - 0.5 * square, offset, scale, mean, precision)


def _with_best_as_written(z: jax.Array, expanded: _Expanded) -> jax.Array:
  """The joint log densities [..., K]; an example's largest from a square without products."""
  joint, _, scale, mean, precision = expanded
  best = joint.argmax(-1)
  precision = jnp.broadcast_to(precision, mean.shape)
  scale = jnp.take_along_axis(jnp.broadcast_to(scale, joint.shape), best[..., None], -1)[..., 0]
  exact = scale - 0.5 * ((z - mean[best]) ** 2 * precision[best]).sum(-1)
  return jnp.where(jnp.arange(len(mean)) == best[..., None], exact[..., None], joint)


def free_parameters(mixture: Mixture) -> int:
  """How many numbers were fitted: K - 1 weights, the means, the variances and a basis' rotation."""
  components, width = mixture.mean.shape
  rotation = 0 if mixture.basis is None else width * (width - 1) // 2
  return components - 1 + mixture.mean.size + mixture.variance.size + rotation
