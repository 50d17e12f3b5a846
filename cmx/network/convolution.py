"""Convolutions and pools in the forms in which XLA is fast, on CPUs without loss elsewhere.

Everything here is equal in numbers to the operation of `jax.lax` or Flax that it stands for.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax


def max_pool(x: jax.Array, window: int, stride: int) -> jax.Array:
  """Maximum of each `window` x `window` of [B, H, W, D]; windows that do not fit are left out.

  Selections over slices take a tenth of the time of a window reduction's backward pass on CPUs. The
  gradient goes to the first of several equal maxima, as in PyTorch and Caffe.
  """
  h, w = ((size - window) // stride * stride + 1 for size in x.shape[1:3])
  slices = (x[:, i:i + h:stride, j:j + w:stride] for i in range(window) for j in range(window))
  return functools.reduce(lambda largest, other: jnp.where(other > largest, other, largest), slices)


def grouped(x: jax.Array, kernel: jax.Array, strides: tuple[int, int],
            padding: tuple[tuple[int, int], ...], *, feature_group_count: int = 1,
            **defaults) -> jax.Array:
  """`lax.conv_general_dilated` of square kernels, a group at a time; a field of `nn.Conv`.

  A grouped convolution takes XLA on CPUs 5 times as long as its groups one after the other, and its
  weight gradient 10 times; `_weight_gradient` says what else is slow there.

  Args:
    x: [B, H, W, D].
    kernel: [size, size, D / groups, outputs].
    strides: one number, twice.
    padding: (before, after) in pixels, the same for both axes.
    feature_group_count: groups.
    defaults: what else `nn.Conv` hands over and this does not vary.
  """
  del defaults
  pairs = zip(*(jnp.split(part, feature_group_count, axis=-1) for part in (x, kernel)))
  return jnp.concatenate([_convolution(*pair, strides[0], padding[0]) for pair in pairs], axis=-1)


def _plain(x, kernel, stride, padding):
  return lax.conv_general_dilated(x, kernel, (stride,) * 2, (padding,) * 2,
                                  dimension_numbers=("NHWC", "HWIO", "NHWC"))


_convolution = jax.custom_vjp(_plain, nondiff_argnums=(2, 3))


def _forward(x, kernel, stride, padding):
  return _plain(x, kernel, stride, padding), (x, kernel)


def _backward(stride, padding, saved, gradient):
  x, kernel = saved

  def by_library(x, gradient):
    return jax.vjp(lambda kernel: _plain(x, kernel, stride, padding), kernel)[1](gradient)[0]

  by_rows = functools.partial(_weight_gradient, size=len(kernel), stride=stride, padding=padding)
  dx = jax.vjp(lambda x: _plain(x, kernel, stride, padding), x)[1](gradient)[0]
  return dx, lax.platform_dependent(x, gradient, cpu=by_rows, default=by_library)


_convolution.defvjp(_forward, _backward)


def _weight_gradient(x: jax.Array, gradient: jax.Array, *, size: int, stride: int,
                     padding: tuple[int, int]) -> jax.Array:
  """Gradient of a convolution's kernel [size, size, D, outputs], as matrix products.

  XLA on CPUs makes of it a convolution whose kernel is the whole image: 2 to 5 times slower for the
  first layers of a large network. Here each example's patches are laid out along rows, which stays
  within a core's cache, and multiplied with the gradient, once for each row of the kernel. A stride
  is folded into channels first, so that patches are slices.

  Args:
    x: [B, H, W, D].
    gradient: of the outputs [B, h, w, outputs].
    size: rows and columns of the kernel.
    stride: of the convolution.
    padding: (before, after), in pixels.
  """
  (b, h, w, outputs), d, taps = gradient.shape, x.shape[-1], -(-size // stride)
  rows, columns = h + taps - 1, w + taps - 1  # of blocks of stride x stride pixels
  before = padding[0]
  # Every stride x stride pixels become one place with as many times the channels. Pads are negative
  # where the convolution leaves the last rows and columns out.
  x = lax.pad(x, jnp.zeros((), x.dtype), (
    (0, 0, 0), (before, stride * rows - before - x.shape[1], 0),
    (before, stride * columns - before - x.shape[2], 0), (0, 0, 0)))
  x = x.reshape(b, rows, stride, columns, stride, d).transpose(0, 1, 3, 2, 4, 5)
  x = x.reshape(b, rows, columns, stride * stride * d)

  def add(total, example):
    image, out = example
    patches = jnp.concatenate([image[:, j:j + w] for j in range(taps)], axis=-1)
    products = [jnp.tensordot(patches[i:i + h], out, ((0, 1), (0, 1)),
                              preferred_element_type=jnp.float32) for i in range(taps)]
    return total + jnp.stack(products), None

  nothing = jnp.zeros((taps, taps * stride * stride * d, outputs), jnp.float32)
  # Back from (tap, place in a block) to rows and columns of the kernel, cut where blocks go beyond.
  weight = lax.scan(add, nothing, (x, gradient))[0]
  weight = weight.reshape(taps, taps, stride, stride, d, outputs).transpose(0, 2, 1, 3, 4, 5)
  weight = weight.reshape(taps * stride, taps * stride, d, outputs)[:size, :size]
  return weight.astype(gradient.dtype)
