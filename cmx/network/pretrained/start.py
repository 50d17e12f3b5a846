"""Starts the reference network from a file of weights."""

import pathlib
from collections.abc import Sequence

from absl import logging
import numpy as np

from cmx import config as config_lib
from cmx import methods
from cmx import modalities as modalities_lib
from cmx.files import weights
from cmx.network import model
from cmx.network.pretrained import labels
from cmx.network.pretrained import networks


def from_file(params: model.Params, config: config_lib.Config, method: methods.Method,
              modality: modalities_lib.Modality, classes: Sequence[str]) -> model.Params:
  """The parameters with the layers of a file of weights in their place.

  Args:
    params: fresh ones of the reference network, {layer: {owner: tree}}.
    config: of the run; `weights` says which file, and what it was trained on.
    method: the reference network's row.
    modality: the reference.
    classes: names, in label order.

  Raises:
    FileNotFoundError: if a file does not exist.
    ValueError: if the file is damaged, is of another network, has arrays too many, too few or of
      other shapes, or its classes are not ours; the message names file and arrays, all of them.
  """
  settings, path = config.weights, pathlib.Path(config.weights.file)
  arrays = weights.read(path)
  try:
    arrays = networks.without_wrapper(arrays)
    network = networks.recognised(arrays)
  except ValueError as error:
    raise ValueError(f"{path}: {error}") from error
  if network.tower != config.network.tower:
    raise ValueError(f"{path} is a {network.name}, which network.tower {network.tower!r} computes;"
                     f" given {config.network.tower!r}")
  own = {layer: model.owner(layer, modality, method) for layer in model.LAYERS}
  trees = {layer: params[layer][name] for layer, name in own.items()}
  differences = networks.differences(
    arrays, network, {**trees["tower"], **trees}, any_classes=settings.classifier != "same")
  if differences:
    raise ValueError(f"{path} does not fit the network of the config, network.trunk "
                     f"{config.network.trunk} on images of {modality.shape[:2]} pixels:\n  "
                     + "\n  ".join(differences) + "\nAdjust the config, or give another file.")
  layers = networks.ours(arrays, network, _mean(settings, network))
  kernel, bias = layers["fc8"]["kernel"], layers["fc8"]["bias"]
  rows = labels.rows(settings.classifier, settings.classes, classes, len(bias))
  layers["fc8"] = trees["fc8"] if rows is None else {"kernel": kernel[:, rows], "bias": bias[rows]}
  logging.info("%s: %s, all %d arrays taken; fc8 %s", path, network.name, len(arrays),
               "starts anew" if rows is None else f"in the order of {settings.classes}")
  tower = {layer: layers[layer] for layer in networks.CONVOLUTIONS}
  return {layer: {**params[layer], name: tower if layer == "tower" else layers[layer]}
          for layer, name in own.items()}


def _mean(settings: config_lib.Weights, network: networks.Network) -> np.ndarray:
  if network.mean is not None:
    if settings.mean:
      raise ValueError(f"weights.mean {settings.mean!r}; expected none: a {network.name} is "
                       "trained on images that are normalised by ImageNet's mean and deviation")
    return network.mean
  if not settings.mean:
    raise ValueError(f"weights.mean is empty: a {network.name} is trained on images less their "
                     "mean, which is no part of its weights. Give the .binaryproto that came with "
                     "it, an .npy, or three numbers for blue, green and red, e.g. 104,117,123 of "
                     "ImageNet's")
  return weights.means(settings.mean)
