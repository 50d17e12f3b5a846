"""Generators: up-convolutional networks from features back to images, as pure functions.

Parameters are {"generator": {layer: tree}, "statistics": {"mean", "scale", "image"}}: what is
trained, and the constants that features and images are measured against.

Source: Dosovitskiy and Brox 2016, inverting visual representations with convolutional networks.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from cmx import config as config_lib

_SLOPE = 0.3  # of the leaky ReLUs, for negative values
_SMALLEST, _LARGEST = 2, 8  # side of the first map; dense layers grow with its square
_GAIN = 2 / (1 + _SLOPE ** 2)  # keeps the variance through layers followed by a leaky ReLU
_DENSE = nn.initializers.variance_scaling(_GAIN, "fan_in", "normal")
# an output pixel of an up-convolution sees 2x2 of the kernel's 4x4 values
_UP = nn.initializers.variance_scaling(4 * _GAIN, "fan_in", "normal")
_LAST = nn.initializers.normal(1e-3)  # training starts from the mean image


class Layout(NamedTuple):
  """Widths of a generator.

  Attributes:
    hidden: of the dense layers before the first map, for features without places.
    maps: channels of the 3x3 convolutions that replace dense layers for features that are maps.
    channels: of the first map and of each up-convolution but the last, which gives the colours.
    between: channels of the 3x3 convolutions after the first up-convolutions.
  """

  hidden: tuple[int, ...]
  maps: tuple[int, ...]
  channels: tuple[int, ...]
  between: tuple[int, ...]


FULL = Layout(hidden=(4096, 4096), maps=(512, 512, 512), channels=(256, 256, 256, 128, 64, 32),
              between=(512, 256, 128))


def small(settings: config_lib.Inversion) -> Layout:
  """For small images: the full layout's form in the config's widths, one doubling a channel."""
  channels = tuple(settings.channels)
  between = channels[1:len(channels) // 2 + 1]
  return Layout(tuple(settings.hidden), channels[:1] * 3, channels, between)


# By the names that a config has for them.
LAYOUTS: dict[str, Callable[[config_lib.Inversion], Layout]] = {
  "small": small, "full": lambda settings: FULL}


class UpConv(nn.Module):
  """A 4x4 up-convolution of stride 2 without bias: [B, H, W, D] -> [B, 2 H, 2 W, channels].

  Each pixel paints a 4x4 patch onto the larger map, two pixels from its neighbour's, so that
  patches overlap by half: out[2 i - 1 + r, 2 j - 1 + c] += x[i, j] @ kernel[r, c].
  """

  channels: int
  kernel_init: Any = _UP

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    return up(x, self.param("kernel", self.kernel_init, (4, 4, x.shape[-1], self.channels)))


@jax.custom_vjp
def up(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """The up-convolution of `UpConv`: x [B, H, W, D], kernel [4, 4, D, E] -> [B, 2 H, 2 W, E].

  All patches are one matrix product, added up in four shifts: on CPUs about ten times as fast as
  XLA's transposed convolution. Its gradient cuts the patches out again for two more products:
  what XLA derives takes five to nine times as long there.
  """
  b, h, w, depth = x.shape
  patches = (x @ _flat(kernel)).reshape(b, h, w, 2, 2, 2, 2, -1)  # half, row, half, column
  blocks = sum(jnp.pad(patches[:, :, :, down, :, right],
                       ((0, 0), (down, 1 - down), (right, 1 - right), (0, 0), (0, 0), (0, 0)))
               for down in (0, 1) for right in (0, 1))  # [B, H + 1, W + 1, row, column, E]
  out = blocks.transpose(0, 1, 3, 2, 4, 5).reshape(b, 2 * h + 2, 2 * w + 2, -1)
  return out[:, 1:-1, 1:-1]


def _flat(kernel: jax.Array) -> jax.Array:
  return kernel.transpose(2, 0, 1, 3).reshape(kernel.shape[2], -1)


def _up_backward(given: tuple[jax.Array, jax.Array], gradient: jax.Array
                 ) -> tuple[jax.Array, jax.Array]:
  (x, kernel), (b, h, w, depth) = given, given[0].shape
  padded = jnp.pad(gradient, ((0, 0), (1, 1), (1, 1), (0, 0)))
  blocks = padded.reshape(b, h + 1, 2, w + 1, 2, -1).transpose(0, 1, 3, 2, 4, 5)
  patches = jnp.stack([
    jnp.stack([blocks[:, down:down + h, right:right + w] for right in (0, 1)], axis=-3)
    for down in (0, 1)], axis=3).reshape(b * h * w, -1)  # half, row, half, column, E
  of_kernel = (x.reshape(-1, depth).T @ patches).reshape(depth, 4, 4, -1)
  return (patches @ _flat(kernel).T).reshape(x.shape), of_kernel.transpose(1, 2, 0, 3)


up.defvjp(lambda x, kernel: (up(x, kernel), (x, kernel)), _up_backward)


class Generator(nn.Module):
  """Features [B, D], or maps of them [B, h, w, D], to images [B, size, size, 3]; not bounded."""

  layout: Layout
  size: int

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    base = base_side(self.size, self.layout)
    x = self._dense(x, base) if x.ndim == 2 else self._maps(x, base)
    last = len(self.layout.channels) - 1
    for i, channels in enumerate((*self.layout.channels[1:], 3)):
      x = UpConv(channels, _LAST if i == last else _UP, name=f"up{i + 1}")(x)
      x = x if i == last else _leaky(x)
      if i < len(self.layout.between):
        x = _leaky(nn.Conv(self.layout.between[i], (3, 3), use_bias=False, kernel_init=_DENSE,
                           name=f"conv{i + 1}")(x))
    edge = (x.shape[1] - self.size) // 2
    return x[:, edge:edge + self.size, edge:edge + self.size]

  def _dense(self, x, base):
    first = self.layout.channels[0]
    for i, width in enumerate((*self.layout.hidden, base * base * first)):
      x = _leaky(nn.Dense(width, kernel_init=_DENSE, name=f"dense{i + 1}")(x))
    return x.reshape(-1, base, base, first)

  def _maps(self, x, base):
    padded = len(self.layout.maps) - (x.shape[1] - base) // 2  # each of the others takes two off
    for i, channels in enumerate(self.layout.maps):
      x = _leaky(nn.Conv(channels, (3, 3), padding="SAME" if i < padded else "VALID",
                         kernel_init=_DENSE, name=f"map{i + 1}")(x))
    return x


def _leaky(x: jax.Array) -> jax.Array:
  return nn.leaky_relu(x, _SLOPE)


def base_side(size: int, layout: Layout) -> int:
  """Side of the first map of a generator of images of `size` pixels; what is over is cut off."""
  return math.ceil(size / 2 ** len(layout.channels))


def check(layout: Layout, features: tuple[int, ...], image: tuple[int, ...]) -> None:
  """Raises ValueError unless a generator of this layout can make such images from such features.

  Args:
    layout: widths.
    features: shape of an example's features, (D,) or (h, w, D).
    image: shape of an image, (H, W, 3).
  """
  if len(image) != 3 or image[0] != image[1] or image[2] != 3:
    raise ValueError(f"images of shape {list(image)}; expected [H, H, 3]: generators make squares")
  size, ups = image[0], len(layout.channels)
  base, scale = base_side(size, layout), 2 ** ups
  if not _SMALLEST <= base <= _LARGEST:
    raise ValueError(
      f"images of {size} pixels do not fit a generator of {ups} up-convolutions; expected "
      f"{scale * (_SMALLEST - 1) + 1} to {scale * _LARGEST}: each of inversion.channels doubles "
      "the side once, inversion.layout='full' has 6")
  surplus = features[0] - base
  if len(features) == 3 and (surplus % 2 or not 0 <= surplus // 2 <= len(layout.maps)):
    raise ValueError(
      f"features are maps of {features[0]} x {features[1]}, images have {size} pixels; expected "
      f"maps of {base} x {base}, or 2, 4 ... more, for {ups} up-convolutions: change "
      "inversion.channels")


def init(key: jax.Array, layout: Layout, features: tuple[int, ...], size: int) -> dict[str, Any]:
  """Fresh trainable parameters {layer: tree} for images of `size` pixels; see `check`."""
  return Generator(layout, size).init(key, jnp.zeros((1, *features)))["params"]


def standardised(statistics: Mapping[str, Any], x: jax.Array) -> jax.Array:
  """Features [B, D] less their mean, over their scale: what networks here are given."""
  return (x - statistics["mean"]) / statistics["scale"]


def apply(params: Mapping[str, Any], x: jax.Array, layout: Layout,
          features: tuple[int, ...]) -> jax.Array:
  """The images that features would be.

  Args:
    params: {"generator": {layer: tree}, "statistics": {"mean": [D], "scale": [],
      "image": [H, W, 3]}}: mean and root mean variance of the features, and the mean image.
    x: features [B, D].
    layout: widths.
    features: shape of an example's features, (D,) or (h, w, D'), where D = h w D'.

  Returns:
    Images [B, H, W, 3]; pixels about [-1, 1], not clipped.
  """
  statistics = params["statistics"]
  x = standardised(statistics, x).reshape(-1, *features)
  module = Generator(layout, statistics["image"].shape[0])
  return statistics["image"] + module.apply({"params": params["generator"]}, x)


def pixels(images: jax.Array) -> jax.Array:
  """Images in [-1, 1] as they are shown: clipped and rounded to uint8, [..., H, W, 3] both."""
  return jnp.round((jnp.clip(images, -1, 1) + 1) * 127.5).astype(jnp.uint8)
