"""Residual networks (ResNets) of images, with a normalisation that lets every place keep its field.

Batch normalisation would couple the examples of a batch and need statistics as state; group and
instance normalisation let a place depend on the whole image, so that nobody could say what it saw.
Here the channels of each place are normalised by themselves, as in ConvNeXt. The shortcuts are the
paper's, projections where the size changes.

Source: He et al. 2016 (ResNet-18); Ba et al. 2016 (layer normalisation); Liu et al. 2022.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from cmx.network import convolution

_HE = nn.initializers.he_normal()


class Plan(NamedTuple):
  """The shape of a network.

  Attributes:
    stem: channels and size of the first convolution, of stride 2.
    pool: whether maxima of 3 x 3 at stride 2 follow it.
    stages: (blocks, channels) of each stage; all but the first halve the size.
  """

  stem: tuple[int, int]
  pool: bool
  stages: tuple[tuple[int, int], ...]


RESNET18 = Plan((64, 7), True, ((2, 64), (2, 128), (2, 256), (2, 512)))
SMALL = Plan((32, 3), False, ((1, 32), (1, 64), (1, 128)))  # for images of 32 to 96 pixels


def receptive_field(plan: Plan) -> tuple[int, int, int]:
  """Start, stride and size in pixels of what a place of the output sees: of its place 0, and on."""
  windows = [(plan.stem[1], 2)]  # size and stride of each layer's, all padded by half their size
  if plan.pool:
    windows.append((3, 2))
  for stage, (blocks, _) in enumerate(plan.stages):
    for block in range(blocks):
      windows += [(3, _stride(stage, block)), (3, 1)]
  start, stride, size = 0, 1, 1  # of a pixel, and then of a place of each layer in turn
  for window, step in windows:
    start -= window // 2 * stride  # padding
    size += (window - 1) * stride
    stride *= step
  return start, 2 * stride, size + stride  # means of 2 x 2, without padding


def _stride(stage: int, block: int) -> int:
  """Of a block's first convolution, counted from 0: all stages but the first halve the size."""
  return 2 if stage and not block else 1


class Network(nn.Module):
  """Images float [B, H, W, 3] -> [B, h, w, channels of the last stage], >= 0: means of 2 x 2."""

  plan: Plan
  dtype: jnp.dtype = jnp.dtype("float32")  # of activations

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    channels, size = self.plan.stem
    x = nn.relu(_norm(self.dtype, "norm")(_convolution(channels, size, 2, self.dtype, "conv")(x)))
    if self.plan.pool:
      x = convolution.max_pool(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), 3, 2)
    for stage, (blocks, channels) in enumerate(self.plan.stages):
      for block in range(blocks):
        x = Block(channels, _stride(stage, block), self.dtype,
                  name=f"stage{stage + 1}_block{block + 1}")(x)
    return nn.avg_pool(x, (2, 2), (2, 2))


class Block(nn.Module):
  """Two 3 x 3 convolutions beside a shortcut: [B, H, W, D] -> [B, h, w, channels].

  The scale of the last normalisation starts at 0: a fresh block hands on its shortcut.
  """

  channels: int
  stride: int
  dtype: jnp.dtype

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    y = _convolution(self.channels, 3, self.stride, self.dtype, "conv1")(x)
    y = _convolution(self.channels, 3, 1, self.dtype, "conv2")(
      nn.relu(_norm(self.dtype, "norm1")(y)))
    y = _norm(self.dtype, "norm2", nn.initializers.zeros_init())(y)
    if x.shape != y.shape:  # a 1 x 1 convolution is a matrix product of every stride-th place
      x = nn.Dense(self.channels, use_bias=False, kernel_init=_HE, dtype=self.dtype,
                   name="projection")(x[:, ::self.stride, ::self.stride])
      x = _norm(self.dtype, "norm3")(x)
    return nn.relu(x + y)


def _convolution(channels: int, size: int, stride: int, dtype: jnp.dtype, name: str) -> nn.Conv:
  return nn.Conv(channels, (size, size), stride, padding=size // 2, use_bias=False,
                 conv_general_dilated=convolution.grouped, kernel_init=_HE, dtype=dtype, name=name)


def _norm(dtype: jnp.dtype, name: str, scale=nn.initializers.ones_init()) -> nn.LayerNorm:
  return nn.LayerNorm(epsilon=1e-5, scale_init=scale, dtype=dtype, name=name)
