"""What a decoder is for: a layer of a run, the pictures it is to make, the sources of both."""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np
from PIL import Image

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import modalities as modalities_lib
from cmx.analysis.inversion import decoder
from cmx.data import opening
from cmx.evaluation import features as features_lib
from cmx.network import model
from cmx.network import towers
from cmx.training import checkpoint


class Plan(NamedTuple):
  """All that training and applying a decoder need to know.

  Attributes:
    run: whose features are inverted.
    reader: the run's network for the reference modality alone: it gives the features that the
      decoder is trained on, and reads the pictures that come out.
    settings: of the inversion.
    dataset: encoded, as the run's towers read it.
    pictures: the same data set as people see it.
    features: shape of an example's features, (D,), or (h, w, D) where they have places.
    size: pixels, height and width of the pictures.
  """

  run: checkpoint.Run
  reader: checkpoint.Run
  settings: config_lib.Inversion
  dataset: data.Dataset
  pictures: data.Dataset
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
      pictures or features do not fit the decoder.
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
  size = settings.size or row.shape[0]
  if not encoded and size != row.shape[0]:
    raise ValueError(f"inversion.size {size}; the run's tower reads pictures of {row.shape[0]} "
                     "pixels: expected 0, or that")
  decoder.check(settings.maps, (size, row.shape[1] * size // row.shape[0], 3))
  features = _shape(reader, settings.layer)
  return Plan(run, reader, settings, dataset, pictures, features, size)


def read(plan: Plan, network: model.Params, x: jax.Array) -> dict[str, jax.Array]:
  """What a run with these parameters reads in its reference modality's input [B, ...]: [B, ...]."""
  return model.apply(network, x, plan.reference, plan.run.method, plan.run.config.network)


def _shape(reader: checkpoint.Run, layer: str) -> tuple[int, ...]:
  """Shape of a layer's activations: (h, w, D) of a pool5 that is laid out as maps, else (D,)."""
  layout = towers.layout(reader.modalities, reader.config.network) if layer == "pool5" else None
  return tuple(layout[:3]) if layout is not None else (features_lib.widths(reader)[layer],)
