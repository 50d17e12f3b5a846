"""Towers: networks from one modality's input to pool5, pure functions of parameters and input."""

import functools
import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from cmx import config as config_lib
from cmx import modalities as modalities_lib
from cmx.network import convolution
from cmx.network import residual

# Of photographs' channels red, green, blue, from 0 to 1, as torchvision normalises by.
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_SMALL = 4  # convolutions of the small tower
_HE = nn.initializers.he_normal()  # keeps the variance through layers that are followed by a ReLU


def scale_pixels(x: jax.Array) -> jax.Array:
  """uint8 [B, H, W, 3] to float32 in [-1, 1]; float input passes unchanged."""
  return x.astype(jnp.float32) / 127.5 - 1.0 if x.dtype == jnp.uint8 else x


def check_channels(network: config_lib.Network) -> None:
  """Checks that the small tower has a number of channels for each of its convolutions.

  Raises:
    ValueError: if there are too many or too few.
  """
  if network.tower == "small" and len(network.channels) != _SMALL:
    raise ValueError(f"network.channels {','.join(map(str, network.channels))} are "
                     f"{len(network.channels)} numbers; expected {_SMALL}, one for each "
                     "convolution of the small tower")


def precision(network: config_lib.Network) -> jnp.dtype:
  """The type of a network's activations."""
  return jnp.dtype(network.precision)


class ReceptiveField(NamedTuple):
  """What a place of pool5 sees: pixels [start + i stride, start + i stride + size) for its index i.

  The same for rows and columns; at the edges it reaches beyond the image, where the tower pads.
  """

  start: int
  stride: int
  size: int


class Layout(NamedTuple):
  """How an image's pool5 is laid out: [height, width, channels], flattened in that order."""

  height: int
  width: int
  channels: int
  field: ReceptiveField


class ImageTower(nn.Module):
  """A tower of images: pool5 [B, D] is what its method `maps` gives, flattened."""

  def __call__(self, x: jax.Array) -> jax.Array:
    return self.maps(x).reshape(x.shape[0], -1)


class SmallTower(ImageTower):
  """Four convolutions for images of 32 to 96 pixels; pool5 is [B, (H/16) (W/16) channels[3]], >= 0.

  conv1 is an 8x8 convolution of stride 4 on pixels folded two by two, so that it sees 12 channels
  and not 3; pools select from slices. Both are where XLA is slowest on CPUs: 2.5 times the steps a
  second of the textbook form at equal accuracy, and no loss elsewhere.
  """

  channels: tuple[int, int, int, int]
  dtype: jnp.dtype = jnp.dtype("float32")  # of activations
  field = ReceptiveField(-22, 16, 60)

  @nn.compact
  def maps(self, x: jax.Array) -> jax.Array:
    """pool5 before it is flattened [B, H/16, W/16, channels[3]]."""
    x = self._conv(fold(scale_pixels(x)), 0, 4, stride=2)
    x = convolution.max_pool(self._conv(x, 1, 3), 2, 2)
    x = self._conv(x, 2, 3)
    return convolution.max_pool(self._conv(x, 3, 3), 2, 2)

  def _conv(self, x, index, size, *, stride=1):
    conv = nn.Conv(self.channels[index], (size, size), stride, kernel_init=_HE, dtype=self.dtype,
                   name=f"conv{index + 1}")
    return nn.relu(conv(x))


def fold(x: jax.Array) -> jax.Array:
  """Space to depth: [B, H, W, D] -> [B, H/2, W/2, 4 D]; odd last rows and columns are left out."""
  b, h, w, d = x.shape
  x = x[:, :h // 2 * 2, :w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, d)
  return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // 2, w // 2, 4 * d)


class AlexNetTower(ImageTower):
  """The Places-CNN up to pool5 (CaffeNet layout): [B, 227, 227, 3] -> [B, 9216], >= 0.

  Local response normalisation stands after the pool, convolutions 2, 4 and 5 have two groups. The
  flattening is height, width, channel; weights from Caffe (channel first) have to be permuted.
  Pools leave incomplete windows out: at 227 pixels there are none, elsewhere Caffe counts them.

  Source: Zhou et al. 2014 (Places-CNN); 2,334,080 parameters.
  """

  dtype: jnp.dtype = jnp.dtype("float32")  # of activations
  field = ReceptiveField(-64, 32, 195)

  @nn.compact
  def maps(self, x: jax.Array) -> jax.Array:
    """pool5 before it is flattened [B, 6, 6, 256]."""
    x = _convolved(scale_pixels(x), self.dtype, 1, 96, 11, padding=0, stride=4)
    x = local_response_norm(convolution.max_pool(x, 3, 2))
    x = _convolved(x, self.dtype, 2, 256, 5, padding=2, groups=2)
    x = local_response_norm(convolution.max_pool(x, 3, 2))
    x = _convolved(x, self.dtype, 3, 384, 3, padding=1)
    x = _convolved(x, self.dtype, 4, 384, 3, padding=1, groups=2)
    x = _convolved(x, self.dtype, 5, 256, 3, padding=1, groups=2)
    return convolution.max_pool(x, 3, 2)


class TorchAlexNetTower(ImageTower):
  """torchvision's AlexNet up to pool5: [B, 224, 224, 3] -> [B, 9216], >= 0, one GPU's version.

  No groups, no normalisation, fewer channels than the Places-CNN; 2,469,696 parameters. Images are
  padded with the colour that is 0 where they are normalised by ImageNet's mean.

  Source: Krizhevsky 2014; Places365's AlexNet.
  """

  dtype: jnp.dtype = jnp.dtype("float32")  # of activations
  field = ReceptiveField(-66, 32, 195)

  @nn.compact
  def maps(self, x: jax.Array) -> jax.Array:
    """pool5 before it is flattened [B, 6, 6, 256]."""
    middle = 2 * jnp.array(IMAGENET_MEAN) - 1
    x = jnp.pad(scale_pixels(x) - middle, ((0, 0), (2, 2), (2, 2), (0, 0))) + middle
    x = _convolved(x, self.dtype, 1, 64, 11, padding=0, stride=4)
    x = _convolved(convolution.max_pool(x, 3, 2), self.dtype, 2, 192, 5, padding=2)
    x = _convolved(convolution.max_pool(x, 3, 2), self.dtype, 3, 384, 3, padding=1)
    x = _convolved(x, self.dtype, 4, 256, 3, padding=1)
    return convolution.max_pool(_convolved(x, self.dtype, 5, 256, 3, padding=1), 3, 2)


def _convolved(x: jax.Array, dtype: jnp.dtype, number: int, channels: int, size: int, padding: int,
               stride: int = 1, groups: int = 1) -> jax.Array:
  """A convolution of the tower around this call, and its ReLU."""
  conv = nn.Conv(channels, (size, size), stride, padding=padding, feature_group_count=groups,
                 conv_general_dilated=convolution.grouped, kernel_init=_HE, dtype=dtype,
                 name=f"conv{number}")
  return nn.relu(conv(x))


def local_response_norm(x: jax.Array, window: int = 5, alpha: float = 1e-4) -> jax.Array:
  """x / (1 + alpha / n sum x^2)^0.75, as in Caffe: [B, H, W, D], n = `window` channels around."""
  squares = jnp.square(x.astype(jnp.float32))
  total = lax.reduce_window(squares, 0.0, lax.add, (1, 1, 1, window), (1, 1, 1, 1), "SAME")
  root = lax.rsqrt(1.0 + alpha / window * total)
  return (x * root * jnp.sqrt(root)).astype(x.dtype)  # roots: a power costs ten times as much


class ResidualTower(ImageTower):
  """A residual network up to pool5: [B, H, W, 3] -> [B, width], >= 0; see `residual`."""

  plan: residual.Plan
  dtype: jnp.dtype = jnp.dtype("float32")  # of activations

  @property
  def field(self) -> ReceptiveField:
    return ReceptiveField(*residual.receptive_field(self.plan))

  @nn.compact
  def maps(self, x: jax.Array) -> jax.Array:
    """pool5 before it is flattened [B, h, w, channels of the last stage]."""
    return residual.Network(self.plan, self.dtype, name="network")(scale_pixels(x))


class VectorTower(nn.Module):
  """A multilayer perceptron on vectors [B, E] whose output stands in for pool5 [B, width], >= 0."""

  hidden: tuple[int, ...]
  width: int
  dtype: jnp.dtype = jnp.dtype("float32")  # of activations

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    for i, width in enumerate((*self.hidden, self.width)):
      x = nn.relu(nn.Dense(width, kernel_init=_HE, dtype=self.dtype, name=f"dense{i + 1}")(x))
    return x


TOWERS = {
  "small": lambda network: SmallTower(tuple(network.channels), precision(network)),
  "alexnet": lambda network: AlexNetTower(precision(network)),
  "alexnet_torch": lambda network: TorchAlexNetTower(precision(network)),
  "resnet18": lambda network: ResidualTower(residual.RESNET18, precision(network)),
  "resnet_small": lambda network: ResidualTower(residual.SMALL, precision(network)),
}


def tower(modality: modalities_lib.Modality, network: config_lib.Network, pool5: int) -> nn.Module:
  """A modality's tower: convolutions for images, a perceptron to `pool5` numbers for vectors."""
  if len(modality.shape) == 1:
    return VectorTower(tuple(network.hidden), pool5, precision(network))
  return TOWERS[network.tower](network)


def pool5_width(modalities: tuple[modalities_lib.Modality, ...],
                network: config_lib.Network) -> int:
  """Width of pool5: what the convolutions give, or `network.pool5` where no modality has images.

  Raises:
    ValueError: if image modalities have different sizes, or images too small for the tower.
  """
  shapes = {m.name: m.shape for m in modalities if len(m.shape) == 3}
  if not shapes:
    return network.pool5
  if len(set(shapes.values())) > 1:
    raise ValueError(f"image modalities must have one size; got {shapes}")
  example = next(m for m in modalities if len(m.shape) == 3)
  width = math.prod(_output(tower(example, network, 0), example.shape, "__call__"))
  if width == 0:
    raise ValueError(f"images of {example.shape[:2]} pixels are too small for tower "
                     f"{network.tower!r}")
  return width


def layout(modalities: tuple[modalities_lib.Modality, ...],
           network: config_lib.Network) -> Layout | None:
  """How pool5 is laid out: by the tower of the images. None without images, or a tower with maps.

  A vector tower's pool5 stands in for the convolutions', value for value, so that its channels are
  the same units.
  """
  example = next((m for m in modalities if len(m.shape) == 3), None)
  module = tower(example, network, 0) if example else None
  if not isinstance(module, ImageTower):
    return None
  return Layout(*_output(module, example.shape, "maps"), module.field)


def demand(modality: modalities_lib.Modality, network: config_lib.Network,
           pool5: int) -> tuple[int, int]:
  """Parameters of a modality's tower, and the numbers that its layers make of one example."""
  return _measured(tower(modality, network, pool5), modality.shape, "__call__")[1:]


def _output(module: nn.Module, shape: tuple[int, ...], method: str) -> tuple[int, ...]:
  """Shape of what a module's method makes of one example."""
  return _measured(module, shape, method)[0]


@functools.lru_cache(64)  # every row of a table asks for the same
def _measured(module: nn.Module, shape: tuple[int, ...],
              method: str) -> tuple[tuple[int, ...], int, int]:
  """What `_output` and `demand` are asked for, from shapes alone."""
  out, made = jax.eval_shape(
    lambda key, x: module.init_with_output(key, x, method=method, capture_intermediates=True),
    jax.random.key(0), jax.ShapeDtypeStruct((1, *shape), jnp.float32))
  parameters, numbers = (sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(made.get(name, {})))
                         for name in ("params", "intermediates"))
  return out.shape[1:], parameters, numbers
