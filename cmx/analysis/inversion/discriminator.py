"""The discriminator: how real pictures look beside their features, as pure functions.

It sees a picture with the features that the picture should have, and learns to rank the real one
above the generator's; the generator learns to leave it nothing to tell them by.

Source: Dosovitskiy and Brox 2016, perceptual similarity metrics; Jolicoeur-Martineau 2018,
relativistic pairs; Miyato and Koyama 2018, projection of the condition.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from cmx.network import towers

_SLOPE = 0.2  # of the leaky ReLUs, for negative values
NOISE = 0.05  # deviation of what is added to pixels in [-1, 1] to measure the slope


class Discriminator(nn.Module):
  """Pictures [B, H, W, 3] and standardised features [B, D] to one logit each [B].

  Channels are of 4x4 convolutions that halve each; the first sees pixels folded two by two. The
  logit is the mean over places, and the product of the pooled maps with the projected features.
  """

  channels: tuple[int, ...]

  @nn.compact
  def __call__(self, images: jax.Array, features: jax.Array) -> jax.Array:
    x = towers.fold(images)
    for i, channels in enumerate(self.channels):
      x = nn.leaky_relu(nn.Conv(channels, (4, 4), 2, name=f"conv{i + 1}")(x), _SLOPE)
    alone = nn.Dense(1, name="alone")(x).mean(axis=(1, 2, 3))
    wanted = nn.Dense(self.channels[-1], use_bias=False, name="wanted")(features)
    return alone + jnp.mean(x.mean(axis=(1, 2)) * wanted, axis=1)


def init(key: jax.Array, channels: Sequence[int], size: int, width: int) -> dict[str, Any]:
  """Fresh parameters {layer: tree} of arrays [...] for pictures of `size` pixels, `width` features.
  """
  module = Discriminator(tuple(channels))
  return module.init(key, jnp.zeros((1, size, size, 3)), jnp.zeros((1, width)))["params"]


def apply(params: Mapping[str, Any], images: jax.Array, features: jax.Array,
          channels: Sequence[int]) -> jax.Array:
  """Logits [B] of pictures [B, H, W, 3] beside standardised features [B, D]; high is real."""
  return Discriminator(tuple(channels)).apply({"params": params}, images, features)


class Verdict(NamedTuple):
  """What a discriminator makes of pairs, each a mean over examples [].

  Attributes:
    loss: softplus(fake - real): log 2 where it cannot tell them apart.
    right: share of pairs in which the real picture has the higher logit.
    slope: squared change of logits with noise, over the noise's variance: about the squared norm
      of the gradient by pixels.
  """

  loss: jax.Array
  right: jax.Array
  slope: jax.Array


def verdict(params: Mapping[str, Any], real: jax.Array, fake: jax.Array, features: jax.Array,
            noise: jax.Array, channels: Sequence[int]) -> Verdict:
  """Real pictures against the generator's for the same features; see `Verdict`.

  Args:
    params: of the discriminator.
    real: pictures [B, H, W, 3].
    fake: of the generator [B, H, W, 3].
    features: standardised [B, D], of the real pictures.
    noise: standard normal numbers [B, H, W, 3].
    channels: of the discriminator.

  Source: Lin et al. 2025 for the slope by differences, where a second derivative costs much.
  """
  both = jnp.concatenate([real, fake])
  shaken = both + NOISE * jnp.concatenate([noise, noise])
  logits = apply(params, jnp.concatenate([both, shaken]), jnp.tile(features, (4, 1)), channels)
  of_real, of_fake, real_shaken, fake_shaken = logits.reshape(4, -1)
  change = (real_shaken - of_real) ** 2 + (fake_shaken - of_fake) ** 2
  return Verdict(jnp.mean(jax.nn.softplus(of_fake - of_real)), jnp.mean(of_real > of_fake),
                 jnp.mean(change) / NOISE ** 2)
