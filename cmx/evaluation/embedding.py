"""New examples in a run's space: what its network makes of a picture or a text of one's own."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from cmx import modalities as modalities_lib
from cmx.data import encoders
from cmx.evaluation import features as features_lib
from cmx.evaluation import readouts
from cmx.files import pictures
from cmx.runtime import devices
from cmx.training import checkpoint

BATCH = 64  # examples a forward pass


def embed(run: checkpoint.Run, modality: str, inputs: Sequence[Any],
          layer: str = "fc7") -> np.ndarray:
  """Activations of new examples, as if they were of a modality of the run.

  Args:
    run: trained network.
    modality: name or code.
    inputs: PIL images or uint8 arrays [H, W, 3] of any size (fitted into a white square as files
      of one's own are), texts, or vectors [E], as the modality has it.
    layer: name of activations.

  Returns:
    float32 [N, D].

  Raises:
    ValueError: if the run has no such modality or layer, or an input is of another kind.
    FileNotFoundError: if the encoder's package is not there any more.
  """
  row = _row(run, modality)
  if not len(inputs):
    raise ValueError("no inputs; expected 1 or more")
  x = np.stack(_read(run, row, inputs))
  if x.shape[1:] != tuple(row.shape):
    raise ValueError(f"inputs of shape {list(x.shape[1:])}; expected {list(row.shape)} for "
                     f"modality {row.name!r}")
  size = devices.rounded_up(BATCH)
  read, params = features_lib.reader(run, row, [layer], size), devices.replicate(run.params)
  return np.concatenate([read(params, x[i:i + size])[layer] for i in range(0, len(x), size)])


def _row(run: checkpoint.Run, modality: str) -> modalities_lib.Modality:
  for row in run.modalities:
    if modality in (row.name, row.code):
      return row
  raise ValueError(f"the run has no modality {modality!r}; expected one of "
                   f"{', '.join(row.name for row in run.modalities)}")


def _read(run: checkpoint.Run, row: modalities_lib.Modality, inputs: Sequence[Any]) -> list[Any]:
  """The inputs as the modality's tower takes them."""
  if row.kind == "vector":
    return [np.asarray(x, np.float32) for x in inputs]
  encoder = encoders.of(run.config, row.kind)
  if row.kind == "text":
    if not all(isinstance(x, str) for x in inputs):
      raise ValueError(f"modality {row.name!r} is text; expected strings")
    return list(encoder.encode(list(inputs)))
  images = [_image(row, x) for x in inputs]
  if encoder is not None:
    return list(encoder.encode([np.asarray(image) for image in images]))
  return [np.asarray(pictures.square(image, row.shape[0])) for image in images]


def _image(row: modalities_lib.Modality, x: Any) -> Image.Image:
  if isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.ndim == 3:
    x = Image.fromarray(x)
  if not isinstance(x, Image.Image):
    raise ValueError(f"modality {row.name!r} is pixels; expected PIL images or uint8 arrays "
                     f"[H, W, 3], got {type(x).__name__}")
  return pictures.opaque(pictures.upright(x))


def neighbours(vector: np.ndarray, features: Mapping[str, Mapping[str, np.ndarray]],
               layer: str = "fc7", count: int = 5) -> dict[str, np.ndarray]:
  """The nearest examples of every modality by cosine, nearest first.

  Args:
    vector: of `embed` [D].
    features: {modality: {layer: [N, D]}}, see `features.load`.
    layer: that the vector is of.
    count: examples of each modality, as many as it has at most.

  Returns:
    {modality: rows of its features [count]}.

  Raises:
    ValueError: if the vector is not of the layer's width.
  """
  vector = np.asarray(vector, np.float32)
  found = {}
  for name, part in features.items():
    if vector.shape != part[layer].shape[1:]:
      raise ValueError(f"vector of shape {list(vector.shape)}; expected "
                       f"{list(part[layer].shape[1:])}, the width of {layer} of {name}")
    similarity = readouts.unit(part[layer]) @ readouts.unit(vector[None])[0]
    found[name] = np.argsort(-similarity, kind="stable")[:count]
  return found
