"""The Places-CNN in plain numpy, in Caffe's conventions: channels first, pools rounded up.

Written from the definitions of Caffe's layers, to compare the network of the package with.
"""

import math

import numpy as np

CONVOLUTIONS = {  # channels out, size, stride, padding, groups
  "conv1": (96, 11, 4, 0, 1), "conv2": (256, 5, 1, 2, 2), "conv3": (384, 3, 1, 1, 1),
  "conv4": (384, 3, 1, 1, 2), "conv5": (256, 3, 1, 1, 2)}


def convolve(x, weight, bias, stride, padding, groups):
  """x [D, H, W], weight [out, D / groups, k, k], bias [out] -> [out, H', W']."""
  x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
  size, out = weight.shape[2], []
  for group, kernels in enumerate(np.split(weight, groups)):
    part = np.split(x, groups)[group]
    rows = range(0, x.shape[1] - size + 1, stride)
    columns = range(0, x.shape[2] - size + 1, stride)
    patches = np.array([[part[:, i:i + size, j:j + size] for j in columns] for i in rows])
    out.append(np.tensordot(kernels, patches, ((1, 2, 3), (2, 3, 4))))
  return np.concatenate(out) + bias[:, None, None]


def pool(x):
  """3x3 maxima at stride 2 of [D, H, W]; a window over the edge counts, as in Caffe."""
  height, width = (math.ceil((length - 3) / 2) + 1 for length in x.shape[1:])
  return np.array([[x[:, 2 * i:2 * i + 3, 2 * j:2 * j + 3].max((1, 2)) for j in range(width)]
                   for i in range(height)]).transpose(2, 0, 1)


def normalise(x):
  """Local response normalisation over 5 channels: each square counts alpha / 5."""
  out = np.empty_like(x)
  for channel in range(len(x)):
    near = x[max(channel - 2, 0):channel + 3]
    out[channel] = x[channel] / (1 + 1e-4 / 5 * (near ** 2).sum(0)) ** 0.75
  return out


def forward(x, weights):
  """Every layer's output for one input.

  Args:
    x: float64 [3, H, W].
    weights: {layer: (weight, bias)}; convolutions [out, in / groups, k, k], dense layers [out, in].

  Returns:
    conv1..conv5, pool5 (flattened channel first), fc6, fc7, fc8; convolutions and fc6, fc7 before
    their ReLU.
  """
  layers = {}
  for name, (_, _, stride, padding, groups) in CONVOLUTIONS.items():
    layers[name] = convolve(x, *weights[name], stride, padding, groups)
    x = np.maximum(layers[name], 0)
    if name in ("conv1", "conv2"):
      x = normalise(pool(x))
  x = layers["pool5"] = pool(x).reshape(-1)
  for name in ("fc6", "fc7", "fc8"):
    if name in weights:
      weight, bias = weights[name]
      layers[name] = weight @ x + bias
      x = np.maximum(layers[name], 0)
  return layers


def draw(rng, pixels, trunk, classes):
  """Weights of a network that keeps its activations' scale through the layers."""
  side = (pixels - 11) // 4 + 1
  for _ in range(3):
    side = math.ceil((side - 3) / 2) + 1
  shapes, channels = {}, 3
  for name, (out, size, _, _, groups) in CONVOLUTIONS.items():
    shapes[name], channels = (out, channels // groups, size, size), out
  shapes |= {"fc6": (trunk, side * side * channels), "fc7": (trunk, trunk), "fc8": (classes, trunk)}
  return {name: (rng.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape),
                 rng.normal(0, 0.1, shape[0])) for name, shape in shapes.items()}
