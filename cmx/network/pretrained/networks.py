"""Networks whose weights are known by the names of their arrays, and what makes them ours.

Their towers see numbers from -1 to 1, red first; the first convolution takes up the difference, so
that a network from outside needs no input of its own: it is exact, at the edges too.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cmx.network import towers

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
_DENSE = ("fc6", "fc7", "fc8")
_PARTS = {"kernel": "weight", "bias": "bias"}  # our name of a layer's part, and that of files


class Network(NamedTuple):
  """A network from outside.

  Attributes:
    name: as people say it.
    tower: entry of `towers.TOWERS` that computes its convolutions.
    layers: {our layer: its name in files}.
    mean: of each channel, from 0 to 255, that is subtracted; None where the user has to say it.
    deviation: of each channel, that is divided by.
    blue_first: whether its channels are blue, green, red.
  """

  name: str
  tower: str
  layers: Mapping[str, str]
  mean: np.ndarray | None
  deviation: np.ndarray
  blue_first: bool


_NETWORKS = (
  Network("CaffeNet", "alexnet", {name: name for name in (*CONVOLUTIONS, *_DENSE)}, None,
          np.ones(3), blue_first=True),
  Network("torchvision AlexNet", "alexnet_torch", {
    "conv1": "features.0", "conv2": "features.3", "conv3": "features.6", "conv4": "features.8",
    "conv5": "features.10", "fc6": "classifier.1", "fc7": "classifier.4", "fc8": "classifier.6"},
    255 * np.array(towers.IMAGENET_MEAN), 255 * np.array(towers.IMAGENET_DEVIATION),
    blue_first=False))


def without_wrapper(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The arrays [...] by the names that they have without what torch has wrapped them in.

  That is DataParallel or torch.compile anywhere, and whatever all names begin with where no network
  is recognised so: "model.", "backbone.".

  Raises:
    ValueError: if two arrays then have one name.
  """
  names = {name: name.replace("module.", "").replace("_orig_mod.", "") for name in arrays}
  known = {part for network in _NETWORKS for part in _names(network)}
  while (len({name.partition(".")[0] for name in names.values()}) == 1
         and not known & set(names.values()) and all("." in name for name in names.values())):
    names = {name: inner.partition(".")[2] for name, inner in names.items()}
  if not known & set(names.values()):  # of no known network: errors say the names of the file
    return dict(arrays)
  for name, inner in names.items():
    if list(names.values()).count(inner) > 1:
      raise ValueError(f"array {name!r} is {inner!r} without its wrapper, and so is another one; "
                       "expected each once")
  return {names[name]: array for name, array in arrays.items()}


def recognised(arrays: Mapping[str, np.ndarray]) -> Network:
  """The network that most names of arrays [...] belong to.

  Raises:
    ValueError: if none is of a known network; the message lists those there are.
  """
  def known_names(network):
    return len(set(_names(network)) & set(arrays))
  best = max(_NETWORKS, key=known_names)
  if not known_names(best):
    known = "; ".join(f"{network.name}: {', '.join(_names(network)[:2])}, ..."
                      for network in _NETWORKS)
    raise ValueError(f"arrays {', '.join(sorted(arrays)[:4]) or 'none'}, ... are of no known "
                     f"network; expected those of one of {known}")
  return best


def _names(network: Network) -> list[str]:
  return [f"{layer}.{part}" for layer in network.layers.values() for part in _PARTS.values()]


def differences(arrays: Mapping[str, np.ndarray], network: Network,
                layers: Mapping[str, Mapping[str, Any]], any_classes: bool) -> list[str]:
  """What arrays [...] have too much, too little or otherwise than our layers need; [] if nothing.

  Args:
    arrays: of a file.
    network: that they are of.
    layers: ours, {layer: {"kernel", "bias"}}, arrays or shapes.
    any_classes: whether fc8 may have any number of classes.
  """
  differing, known = [], set()
  for layer, theirs in network.layers.items():
    for part, suffix in _PARTS.items():
      name, shape = f"{theirs}.{suffix}", layers[layer][part].shape
      known.add(name)
      expected = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
      if name not in arrays:
        differing.append(f"{name} is missing; expected {list(expected)}")
        continue
      given = arrays[name].shape
      free = 1 if layer == "fc8" and any_classes else 0
      if len(given) != len(expected) or given[free:] != expected[free:]:
        differing.append(f"{name} is {list(given)}; expected {list(expected)}")
      elif not np.isfinite(arrays[name]).all():
        differing.append(f"{name} holds numbers that are not finite")
  return differing + [f"{name} {list(arrays[name].shape)} has no place"
                      for name in sorted(set(arrays) - known)]


def ours(arrays: Mapping[str, np.ndarray], network: Network,
         mean: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
  """Our layers {layer: {"kernel", "bias"}}, float32 [...], of arrays that fit (see `differences`).

  Args:
    arrays: of a file.
    network: that they are of.
    mean: of its channels, in its order [3], from 0 to 255.
  """
  pairs = {layer: [np.asarray(arrays[f"{theirs}.{part}"], np.float64)
                   for part in _PARTS.values()] for layer, theirs in network.layers.items()}
  pairs["conv1"] = _on_unit_pixels(*pairs["conv1"], network, mean)
  weight, bias = pairs["fc6"]
  channels = len(pairs["conv5"][1])
  side = round((weight.shape[1] / channels) ** 0.5)
  weight = weight.reshape(-1, channels, side, side).transpose(0, 2, 3, 1).reshape(weight.shape)
  pairs["fc6"] = weight, bias
  return {layer: {"kernel": np.float32(np.transpose(weight, (2, 3, 1, 0) if weight.ndim == 4
                                                    else (1, 0))), "bias": np.float32(bias)}
          for layer, (weight, bias) in pairs.items()}


def _on_unit_pixels(weight: np.ndarray, bias: np.ndarray, network: Network, mean: np.ndarray):
  """A first convolution's weight [out, 3, k, k] and bias [out] on pixels from -1 to 1, red first.

  Its own input is (127.5 x + 127.5 - mean) / deviation of ours, x.
  """
  gain, offset = 127.5 / network.deviation, (127.5 - mean) / network.deviation
  bias = bias + np.einsum("ocij,c->o", weight, offset)
  weight = weight * gain[:, None, None]
  return (weight[:, ::-1] if network.blue_first else weight), bias
