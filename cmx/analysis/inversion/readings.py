"""Reading what a generator makes of every modality's features, beside what a lookup would give."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cmx import data
from cmx import modalities as modalities_lib
from cmx.analysis.inversion import fidelity
from cmx.analysis.inversion import generator
from cmx.analysis.inversion import plan as plan_lib
from cmx.data import encoders
from cmx.evaluation import features as features_lib
from cmx.runtime import devices
from cmx.runtime import progress


class Reading(NamedTuple):
  """One modality's examples, their inversions and their nearest training pictures.

  Attributes:
    modality: whose examples.
    labels: true categories [N].
    given: what the run makes of the examples.
    inverted: what it reads in the generator's pictures.
    lookup: what it makes of the nearest training pictures.
    nearest: their rows in the gallery [N].
    errors: see `fidelity.measure`; None but for the reference modality.
  """

  modality: modalities_lib.Modality
  labels: np.ndarray
  given: fidelity.Read
  inverted: fidelity.Read
  lookup: fidelity.Read
  nearest: np.ndarray
  errors: Mapping[str, np.ndarray] | None


def batch_of(plan: plan_lib.Plan) -> int:
  """Examples a forward pass: the run's, made a multiple of the devices."""
  return devices.rounded_up(plan.run.config.evaluation.batch)


def painter(plan: plan_lib.Plan, params: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
  """A function from features [N, D] to the generator's pictures uint8 [N, H, W, 3].

  It takes `batch_of` at most.
  """

  def paint(params, x):
    return generator.pixels(generator.apply(params, x, plan.layout, plan.features))

  mapped, params = devices.by_rows(paint, batch_of(plan)), devices.replicate(dict(params))
  return lambda x: mapped(params, np.asarray(x, np.float32))


def reader(plan: plan_lib.Plan) -> Callable[[np.ndarray], fidelity.Read]:
  """A function from pictures uint8 [N, H, W, 3] to what the run reads in them as its reference
  modality, through its frozen encoder where it has one; N <= `batch_of`."""
  config, layer = plan.run.config, plan.settings.layer
  read = features_lib.reader(plan.reader, plan.reference, [layer, "fc8"], batch_of(plan))
  params = devices.replicate(plan.reader.params)
  encoder = encoders.of(config, "pixels")

  def call(pictures):
    outputs = read(params, encoder.encode(list(pictures)) if encoder else pictures)
    return fidelity.Read(outputs[layer], outputs["fc8"])

  return call


def readings(plan: plan_lib.Plan, params: Mapping[str, Any],
             features: Mapping[str, Mapping[str, np.ndarray]],
             gallery: Mapping[str, np.ndarray]) -> Iterator[Reading]:
  """Inverts every modality's features and reads the pictures, a modality at a time.

  Args:
    plan: what the generator is for.
    params: of the generator, see `generator.apply`.
    features: of the validation split, {modality: {layer: [N, D], "fc8": [N, C], "label": [N]}}, in
      the order of `features.extract`.
    gallery: training examples of the reference modality, see `training.gallery`.
  """
  paint, read, layer = painter(plan, params), reader(plan), plan.settings.layer
  average = np.asarray(generator.pixels(params["statistics"]["image"]))
  for modality in plan.run.modalities:
    part = features[modality.name]
    x, count = part[layer], len(part[layer])
    nearest = fidelity.nearest(x, gallery[layer])
    back = fidelity.Read(np.empty_like(x, np.float32), np.empty_like(part["fc8"], np.float32))
    errors: dict[str, list] = {"inverted": [], "nearest": [], "mean": []}
    with progress.Progress(f"inversion of {modality.name}", count, "examples") as line:
      for start in range(0, count, batch_of(plan)):
        rows = slice(start, min(start + batch_of(plan), count))
        inverted = paint(x[rows])
        back.features[rows], back.logits[rows] = read(inverted)
        if modality.name == plan.reference.name:
          originals = pictures(plan, data.VALIDATION, range(rows.start, rows.stop))
          lookups = pictures(plan, data.TRAIN, nearest[rows])
          for way, shown in (("inverted", inverted), ("nearest", lookups), ("mean", average[None])):
            errors[way].append(fidelity.squared_error(shown, originals))
        line.update(rows.stop)
    yield Reading(
      modality, np.asarray(part["label"]), fidelity.Read(x, part["fc8"]), back,
      fidelity.Read(gallery[layer][nearest], gallery["fc8"][nearest]), nearest,
      {way: np.concatenate(values) for way, values in errors.items()} if errors["mean"] else None)


def pictures(plan: plan_lib.Plan, split: str, rows) -> np.ndarray:
  """Pictures of the reference modality behind rows of its features, uint8 [N, H, W, 3]."""
  order = features_lib.order(len(plan.pictures.splits[split][plan.reference.name]))
  return np.stack([plan.picture(split, order[row]) for row in rows])
