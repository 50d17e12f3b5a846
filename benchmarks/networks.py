"""Networks and their PyTorch twins, with the same weights and the same examples."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from cmx import config as config_lib
from cmx import fields
from cmx import methods
from cmx import modalities as modalities_lib
from cmx.network import model
from configs import cmplaces
from configs import world

CLASSES, TEXT = 24, 2_048
ROWS = (modalities_lib.NATURAL, modalities_lib.CLIPART, modalities_lib.SPATIAL_TEXT,
        modalities_lib.DRAWING, modalities_lib.DESCRIPTION)


class Setting(NamedTuple):
  """A network on examples drawn by lot.

  Attributes:
    config: without dropout, so that two implementations do the same.
    method: row.
    rows: modalities with shapes.
    params: {layer: {owner: tree}} of numpy arrays.
    examples: {modality: {"input", "label"}}.
  """

  config: config_lib.Config
  method: methods.Method
  rows: tuple[modalities_lib.Modality, ...]
  params: Mapping[str, Any]
  examples: Mapping[str, Mapping[str, np.ndarray]]


def setting(method: str, batch: int, size: int) -> Setting:
  """The embedded default's network of a method, for pictures of `size` pixels and texts."""
  return _setting(world.get_config(), method, batch, size)


def full_setting(method: str, batch: int, size: int, width: int) -> Setting:
  """The paper's network in float32, for pictures of `size` pixels; `width` of its trunk."""
  config = fields.replace(cmplaces.get_config(), {
    "network.precision": "float32", "network.trunk": width, "network.hidden": (width, width)})
  return _setting(config, method, batch, size)


def _setting(config: config_lib.Config, method: str, batch: int, size: int) -> Setting:
  config = fields.replace(config, {
    "method": method, "network.dropout": 0.0, "optimizer.batch": batch})
  rows = tuple(row._replace(shape=(size, size, 3) if row.kind == "pixels" else (TEXT,))
               for row in ROWS)
  row = methods.named(method)
  params = jax.device_get(jax.jit(lambda key: model.init(
    key, rows, row, config.network, CLASSES))(jax.random.key(0)))
  rng = np.random.default_rng(0)
  examples = {row.name: {
    "input": (rng.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
              if row.kind == "pixels" else rng.random((batch, TEXT), np.float32)),
    "label": rng.integers(0, CLASSES, batch).astype(np.int32)} for row in rows}
  return Setting(config, row, rows, params, examples)


def tensors(params: Mapping[str, Any], frozen: tuple[str, ...] = ()) -> dict[str, Any]:
  """Parameters as PyTorch has them, those of frozen layers without a gradient."""
  import torch

  def tensor(leaf, layer):
    leaf = np.asarray(leaf)
    # kernels of convolutions are [h, w, in, out] there and [out, in, h, w] here
    leaf = leaf.transpose(3, 2, 0, 1) if leaf.ndim == 4 else leaf.T if leaf.ndim == 2 else leaf
    return torch.from_numpy(np.array(leaf, order="C")).requires_grad_(layer not in frozen)

  return {layer: jax.tree.map(lambda leaf, layer=layer: tensor(leaf, layer), owners)
          for layer, owners in params.items()}


def torch_apply(made: Setting) -> Callable[[Mapping[str, Any], Any, Any], dict[str, Any]]:
  """A function (weights of `tensors`, inputs, modality) -> {"fc6", "fc7", "fc8": [B, D]}."""
  import torch
  from torch.nn import functional

  def convolved(x, part, stride, padding=1, groups=1):
    return functional.relu(functional.conv2d(x, part["kernel"], part["bias"], stride, padding,
                                             groups=groups))

  def alexnet(x, part):
    x = (x.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
    for name, stride, padding, groups in (("conv1", 4, 0, 1), ("conv2", 1, 2, 2)):
      x = functional.max_pool2d(convolved(x, part[name], stride, padding, groups), 3, 2)
      x = functional.local_response_norm(x, 5, 1e-4, 0.75, 1.0)
    x = convolved(convolved(x, part["conv3"], 1), part["conv4"], 1, groups=2)
    x = functional.max_pool2d(convolved(x, part["conv5"], 1, groups=2), 3, 2)
    return x.permute(0, 2, 3, 1).flatten(1)

  def small(x, part):
    x = x.permute(0, 3, 1, 2).float() / 127.5 - 1
    b, d, h, w = x.shape
    x = x.reshape(b, d, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(
      b, 4 * d, h // 2, w // 2).contiguous(memory_format=torch.channels_last)
    x = convolved(x, part["conv1"], 2)
    x = functional.max_pool2d(convolved(x, part["conv2"], 1), 2)
    x = convolved(x, part["conv3"], 1)
    x = functional.max_pool2d(convolved(x, part["conv4"], 1), 2)
    return x.permute(0, 2, 3, 1).flatten(1)

  def dense(x, part):
    return functional.linear(x, part["kernel"], part["bias"])

  def vector(x, part):
    for name in sorted(part):
      x = functional.relu(dense(x, part[name]))
    return x

  tower = alexnet if made.config.network.tower == "alexnet" else small

  def apply(weights, x, row):
    part = weights["tower"][model.owner("tower", row, made.method)]
    h = (tower if row.kind == "pixels" else vector)(x, part)
    outputs = {}
    for layer in model.TRUNK:
      h = dense(h, weights[layer][model.owner(layer, row, made.method)])
      h = outputs[layer] = h if layer == "fc8" else functional.relu(h)
    return outputs

  return apply
