"""Normalisation of a shared trunk modality by modality, by moments of the modality's own.

A trunk with the same weights for all, whose activations before the ReLU have mean 0 and variance 1
in every modality, and a scale and a shift of each modality's own, which are trained. While training
the moments are those of the step's batch over all devices, and are remembered; afterwards what is
remembered is used, so that an example's activations do not depend on others. They couple examples
while training, which the residual towers avoid (see `cmx.residual`); a layer norm with a scale and
shift for each modality would not, but would leave the modalities' moments apart, which is the very
thing that this row tries to bring together.

Source: Chang et al. 2019, domain-specific batch normalisation; Ioffe & Szegedy 2015.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

_EPSILON = 1e-5  # beside variances, as in batch normalisation


def init(width: int) -> dict[str, jax.Array]:
  """Scale and shift of a modality's layer [D], which are trained."""
  return {"scale": jnp.ones(width), "shift": jnp.zeros(width)}


def no_moments(width: int) -> dict[str, jax.Array]:
  """What is remembered of a modality's layer before the first step: mean and variance [D]."""
  return {"mean": jnp.zeros(width), "variance": jnp.ones(width)}


def normalise(x: jax.Array, moments: Mapping[str, jax.Array],
              own: Mapping[str, jax.Array]) -> jax.Array:
  """scale (x - mean) / sqrt(variance + epsilon) + shift, unit by unit: [B, D] -> [B, D].

  Args:
    x: activations before the ReLU, any float type; computed in float32.
    moments: mean and variance [D].
    own: scale and shift [D].
  """
  z = (x.astype(jnp.float32) - moments["mean"]) * jax.lax.rsqrt(moments["variance"] + _EPSILON)
  return (own["scale"] * z + own["shift"]).astype(x.dtype)


def remembered(before: Mapping[str, Any], now: Mapping[str, Any], memory: float) -> dict[str, Any]:
  """memory * before + (1 - memory) * now, for all arrays [...] of the layers that `now` has.

  Modalities that it has not, which the step did not see, are left out.
  """
  return {layer: {name: jax.tree.map(lambda old, new: memory * old + (1.0 - memory) * new,
                                     before[layer][name], moments)
                  for name, moments in own.items()} for layer, own in now.items()}
