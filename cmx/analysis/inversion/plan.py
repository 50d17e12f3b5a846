"""What a generator is for: a layer of a run, the pictures it is to make, the sources of both."""

import dataclasses
from typing import NamedTuple

import numpy as np
from PIL import Image

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import modalities as modalities_lib
from cmx.analysis.inversion import generator
from cmx.config import limits
from cmx.data import opening
from cmx.evaluation import features as features_lib
from cmx.network import towers
from cmx.training import checkpoint



class Plan(NamedTuple):
  """All that training and applying a generator need to know.

  Attributes:
    run: whose features are inverted.
    reader: the run's network for the reference modality alone: it gives the features that the
      generator is trained on, and reads the pictures that come out.
    settings: of the inversion; no weight on activations where a frozen encoder gives them.
    dataset: encoded, as the run's towers read it.
    pictures: the same data set as people see it.
    layout: of the generator.
    features: shape of an example's features, (D,), or (h, w, D) where they have places.
    size: pixels, height and width of the pictures.
  """

  run: checkpoint.Run
  reader: checkpoint.Run
  settings: config_lib.Inversion
  dataset: data.Dataset
  pictures: data.Dataset
  layout: generator.Layout
  features: tuple[int, ...]
  size: int

  @property
  def reference(self) -> modalities_lib.Modality:
    """The reference modality, as the run's tower reads it."""
    return self.reader.modalities[0]

  @property
  def encoded(self) -> bool:
    """Whether a frozen encoder stands between the pictures and the tower."""
    return len(self.reference.shape) == 1

  def picture(self, split: str, index: int) -> np.ndarray:
    """A picture of the reference modality, uint8 [size, size, 3]."""
    x = self.pictures.splits[split][self.reference.name][int(index)]["input"]
    if x.shape[0] == self.size:
      return x
    return np.asarray(Image.fromarray(x).resize((self.size, self.size), Image.Resampling.BICUBIC))


def plan(run: checkpoint.Run, settings: config_lib.Inversion) -> Plan:
  """The plan to invert a layer of a run; opens the run's data set.

  Raises:
    ValueError: if a setting is beyond its limits, the reference modality has no pictures, or
      pictures or features do not fit the generator.
    FileNotFoundError: if the data set is not prepared.
  """
  config = run.config
  asked = dataclasses.replace(config, inversion=settings)
  fields.check_limits(asked, [name for name in fields.flat(asked) if name.startswith("inversion.")])
  reader = checkpoint.of_modality(run, run.modalities[0])
  pictures, dataset = opening.open_data(config)
  reference = reader.modalities[0]
  row = next((m for m in pictures.modalities if m.name == reference.name), None)
  if row is None or row.kind != "pixels":
    raise ValueError(
      f"the reference modality {reference.name!r} has no pictures: it is "
      f"{'not in the data set' if row is None else row.kind}; expected one of kind pixels")
  encoded = len(reference.shape) == 1
  if encoded:  # the frozen encoder cannot be differentiated here
    settings = dataclasses.replace(settings, perceptual_weight=0.0, layer_weight=0.0)
  size = settings.size or row.shape[0]
  if not encoded and size != row.shape[0]:
    raise ValueError(f"inversion.size {size}; the run's tower reads pictures of {row.shape[0]} "
                     "pixels: expected 0, or that")
  layout = generator.LAYOUTS[settings.layout](settings)
  features = _shape(reader, settings.layer)
  generator.check(layout, features, (size, row.shape[1] * size // row.shape[0], 3))
  return Plan(run, reader, settings, dataset, pictures, layout, features, size)


def compared(settings: config_lib.Inversion) -> dict[str, float]:
  """The layers whose activations are compared, with the weight of each."""
  last = limits.LAYERS.index(settings.perceptual_layer)
  weights = dict.fromkeys(limits.LAYERS[:last + 1], settings.perceptual_weight)
  weights[settings.layer] = weights.get(settings.layer, 0.0) + settings.layer_weight
  return {layer: weight for layer, weight in weights.items() if weight}


def _shape(reader: checkpoint.Run, layer: str) -> tuple[int, ...]:
  """Shape of a layer's activations: (h, w, D) of a pool5 that is laid out as maps, else (D,)."""
  layout = towers.layout(reader.modalities, reader.config.network) if layer == "pool5" else None
  return tuple(layout[:3]) if layout is not None else (features_lib.widths(reader)[layer],)
