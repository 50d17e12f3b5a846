"""The decoder: a small U-Net from a noisy picture, its time and features to the picture, pure.

It works on 16 x 16 patches of pixels and on half as many a side, so that it costs little on CPUs.
Features come in twice: they scale and shift the maps of every block, and lie over the coarse ones
as a map of their own, without which a convolution could not tell where something belongs.

Source: Peebles and Xie 2023 for the scales and shifts; Li and He 2025 for giving the picture and
not its velocity, which patches of many pixels need.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

GRID = 16  # patches a side
_HEADS = 4  # of the attention; each of the coarse channels' parts
_WIDTH = 256  # of what says time and features
_MAP = 64  # channels of the features' own map
_WAVES = 32  # that say the time
_ZERO, _LITTLE = nn.initializers.zeros, nn.initializers.normal(1e-2)
_BRANCH = nn.initializers.variance_scaling(0.1, "fan_in", "normal")  # blocks start near identity


def patch_of(size: int) -> int:
  """Side in pixels of the patches of a picture of `size` pixels; the last ones may lie beside it.
  """
  return math.ceil(size / GRID)


def check(channels: Sequence[int], image: Sequence[int]) -> None:
  """Raises ValueError unless a decoder of these channels can make images of shape (H, W, 3)."""
  if len(image) != 3 or image[0] != image[1] or image[2] != 3:
    raise ValueError(f"images of shape {list(image)}; expected [H, H, 3]: decoders make squares")
  if len(channels) != 2 or channels[1] % _HEADS:
    raise ValueError(f"inversion.maps {','.join(map(str, channels))}; expected two numbers, of "
                     f"fine and coarse maps, the second divisible by {_HEADS}")


class Decoder(nn.Module):
  """Noisy pictures z [B, S, S, 3], times [B] in [0, 1], standardised features [B, D], and where
  these are known [B]: what the pictures are [B, S, S, 3]; not bounded.

  Attributes:
    channels: of maps of 16 x 16 and 8 x 8 places.
    depth: blocks on the coarse maps, and on the fine ones after them.
  """

  channels: tuple[int, ...]
  depth: int

  @nn.compact
  def __call__(self, z: jax.Array, times: jax.Array, x: jax.Array, known: jax.Array) -> jax.Array:
    (fine, coarse), size, patch = self.channels, z.shape[1], patch_of(z.shape[1])
    x = jnp.where(known[:, None] > 0, x, self.param("unknown", _ZERO, (x.shape[-1],)))
    said = nn.Dense(_WIDTH, name="time")(_waves(times)) + nn.Dense(_WIDTH, name="features")(x)
    said = nn.silu(nn.Dense(_WIDTH, name="said")(nn.silu(said)))
    over = GRID * patch - size
    h = fold(jnp.pad(z, ((0, 0), (0, over), (0, over), (0, 0))), patch)
    h = nn.Conv(fine, (3, 3), name="first")(h)
    h += self.param("place", nn.initializers.normal(0.02), h.shape[1:])[None]
    beside = h = _Block(fine, name="before")(h, said)
    h = nn.Conv(coarse, (2, 2), 2, name="down")(h) + nn.Dense(coarse, name="laid")(self._map(x))
    for i in range(self.depth):
      h = _Attention(name=f"attention{i + 1}")(_Block(coarse, name=f"coarse{i + 1}")(h, said))
    h = jnp.concatenate([unfold(nn.Dense(4 * fine, name="up")(h), 2), beside], axis=-1)
    for i in range(self.depth):
      h = _Block(fine, name=f"fine{i + 1}")(h, said)
    scale, shift = _split(nn.Dense(2 * fine, kernel_init=_ZERO, name="last_said")(said), 2)
    h = nn.Conv(3 * patch ** 2, (3, 3), kernel_init=nn.initializers.normal(1e-3), name="last")(
      _normal(h) * (1 + scale) + shift)
    return unfold(h, patch)[:, :size, :size]

  def _map(self, x):
    """Features as a map: a value for each two by two places of the coarse maps."""
    side = GRID // 4
    x = nn.silu(nn.Dense(_WIDTH, name="map1")(x))
    x = nn.Dense(side * side * _MAP, name="map2")(x).reshape(-1, side, side, _MAP)
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


class _Block(nn.Module):
  """Two convolutions beside the identity, scaled and shifted between them by what is said."""

  channels: int

  @nn.compact
  def __call__(self, x: jax.Array, said: jax.Array) -> jax.Array:
    scale, shift, gate = _split(
      nn.Dense(3 * self.channels, kernel_init=_LITTLE, name="said")(said), 3)
    h = nn.Conv(self.channels, (3, 3), name="conv1")(nn.silu(_normal(x)))
    h = nn.silu(_normal(h) * (1 + scale) + shift)
    h = nn.Conv(self.channels, (3, 3), kernel_init=_BRANCH, name="conv2")(h)
    if x.shape[-1] != self.channels:
      x = nn.Dense(self.channels, name="beside")(x)
    return x + (1 + gate) * h


class _Attention(nn.Module):
  """Every place looks at all others: what stands left says what stands right."""

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    b, h, w, channels = x.shape
    given = nn.Dense(3 * channels, name="given")(_normal(x)).reshape(b, h * w, _HEADS, -1)
    found = jax.nn.dot_product_attention(*jnp.split(given, 3, axis=-1)).reshape(x.shape)
    return x + nn.Dense(channels, kernel_init=_LITTLE, name="found")(found)


def _split(x: jax.Array, parts: int) -> list[jax.Array]:
  return jnp.split(x[:, None, None], parts, axis=-1)


def _normal(x: jax.Array) -> jax.Array:
  """Each place's channels with mean 0 and variance 1."""
  x = x - x.mean(axis=-1, keepdims=True)
  return x * jax.lax.rsqrt(jnp.mean(x ** 2, axis=-1, keepdims=True) + 1e-5)  # a place can be flat


def _waves(times: jax.Array) -> jax.Array:
  angles = times[:, None] * jnp.geomspace(1.0, 1000.0, _WAVES)
  return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)


def fold(x: jax.Array, side: int) -> jax.Array:
  """Patches into channels: [B, H, W, D] -> [B, H / side, W / side, side^2 D]."""
  b, h, w, d = x.shape
  x = x.reshape(b, h // side, side, w // side, side, d).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, h // side, w // side, side * side * d)


def unfold(x: jax.Array, side: int) -> jax.Array:
  """What `fold` folded: [B, H, W, side^2 D] -> [B, side H, side W, D]."""
  b, h, w, d = x.shape
  x = x.reshape(b, h, w, side, side, d // side ** 2).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, h * side, w * side, -1)


def init(key: jax.Array, channels: Sequence[int], depth: int, width: int,
         size: int) -> dict[str, Any]:
  """Fresh parameters {layer: tree} of arrays [...] for features of `width`, pictures of `size`."""
  module = Decoder(tuple(channels), depth)
  return module.init(key, jnp.zeros((1, size, size, 3)), jnp.zeros(1), jnp.zeros((1, width)),
                     jnp.ones(1))["params"]


def apply(params: Mapping[str, Any], z: jax.Array, times: jax.Array, x: jax.Array,
          known: jax.Array, channels: Sequence[int], depth: int) -> jax.Array:
  """Pictures [B, S, S, 3] behind noisy ones z [B, S, S, 3]; see `Decoder`.

  Args:
    params: of the decoder.
    z: noisy pictures.
    times: [B], 0 where all is noise, 1 where there is none.
    x: standardised features [B, D].
    known: [B], 0 where the features are not looked at.
    channels: of the decoder.
    depth: of the decoder.
  """
  return Decoder(tuple(channels), depth).apply({"params": params}, z, times, x, known)


def standardised(statistics: Mapping[str, Any], x: jax.Array) -> jax.Array:
  """Features [B, D] less their mean, over their scale: what a decoder is given."""
  return (x - statistics["mean"]) / statistics["scale"]


def pixels(images: jax.Array) -> jax.Array:
  """Images in [-1, 1] as they are shown: clipped and rounded to uint8, [..., H, W, 3] both."""
  return jnp.round((jnp.clip(images, -1, 1) + 1) * 127.5).astype(jnp.uint8)
