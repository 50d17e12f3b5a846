"""Reading what a decoder makes of every modality's features, beside what a lookup would give."""

import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from cmx import data
from cmx import modalities as modalities_lib
from cmx.analysis.inversion import decoder
from cmx.analysis.inversion import fidelity
from cmx.analysis.inversion import flow
from cmx.analysis.inversion import optimise
from cmx.analysis.inversion import placing
from cmx.analysis.inversion import plan as plan_lib
from cmx.analysis.inversion import sharpness
from cmx.data import encoders
from cmx.evaluation import embedding
from cmx.evaluation import features as features_lib
from cmx.evaluation import fitted
from cmx.runtime import devices
from cmx.runtime import progress


_DRAWN = 64  # pictures at once


class Reading(NamedTuple):
  """One modality's examples, their inversions and their nearest training pictures.

  Attributes:
    modality: whose examples.
    moved: whether their features were brought to where the reference's lie, see `placing`.
    labels: true categories [N].
    given: features that were inverted, and what the run answers to the examples.
    inverted: what it reads in the decoder's pictures.
    lookup: what it makes of the nearest training pictures.
    nearest: their rows in the gallery [N].
    errors: see `fidelity.measure`; None but for the reference modality.
    looks: how pictures look, {"inverted" | "nearest": look}, and "real", the originals', for the
      reference modality.
  """

  modality: modalities_lib.Modality
  moved: bool
  labels: np.ndarray
  given: fidelity.Read
  inverted: fidelity.Read
  lookup: fidelity.Read
  nearest: np.ndarray
  errors: Mapping[str, np.ndarray] | None
  looks: Mapping[str, sharpness.Look]


def batch_of(plan: plan_lib.Plan) -> int:
  """Examples a forward pass: the run's, made a multiple of the devices."""
  return devices.rounded_up(plan.run.config.evaluation.batch)


def painter(plan: plan_lib.Plan, params: Mapping[str, Any]
            ) -> Callable[[np.ndarray, Sequence[int], int], np.ndarray]:
  """A function from features [N, D] to the decoder's pictures uint8 [N, H, W, 3].

  It takes the rows that they are of, too, and which of many pictures: the noise is that of the
  run's seed, the row and this number, whatever else is drawn.
  """
  settings, seed = plan.settings, plan.run.config.seed
  shape, width = (plan.size, plan.size, 3), math.prod(plan.features)
  drawing = flow.Drawing(settings.drawing, settings.guidance, settings.pull, settings.pulls)

  def paint(given, both):
    x, noise = both[:, :width], both[:, width:].reshape(-1, *shape)
    told = decoder.standardised(given["statistics"], x)

    def guess(z, times, known):
      more = jnp.tile(told, (len(z) // len(told), 1))
      return decoder.apply(given["decoder"], z, times, more, known, settings.maps, settings.depth)

    def distance(images):
      return optimise.match(settings.layer, x)(plan_lib.read(plan, given["network"], images))

    return decoder.pixels(flow.draw(guess, None if plan.encoded else distance, noise, drawing))

  batch = devices.rounded_up(_DRAWN)
  mapped = devices.by_rows(paint, batch)
  given = devices.replicate({**params, "network": plan.reader.params})

  def call(x, rows, number):
    noise = [np.random.default_rng([seed, number, row]).standard_normal(math.prod(shape), "float32")
             for row in rows]
    both = np.concatenate([np.asarray(x, np.float32), np.stack(noise)], axis=1)
    return np.concatenate([mapped(given, both[start:start + batch])
                           for start in range(0, len(both), batch)])

  return call


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


def places(plan: plan_lib.Plan, workdir: pathlib.Path,
           folder: pathlib.Path) -> dict[str, placing.Place]:
  """Where each modality's training features lie; from the statistics of read-outs, if they are of
  that layer, or extracted into the inversion's folder."""
  layer, config = plan.settings.layer, plan.run.config
  if layer in features_lib.compared(config):
    found = fitted.training(plan.run, plan.dataset, workdir)
  else:
    found = features_lib.extract(plan.run, plan.dataset, data.TRAIN, [layer], folder / "training",
                                 batch=config.evaluation.batch, limit=fitted.EXAMPLES)
  return {name: placing.place(part[layer]) for name, part in found.items()}


def readings(plan: plan_lib.Plan, params: Mapping[str, Any],
             features: Mapping[str, Mapping[str, np.ndarray]],
             gallery: Mapping[str, np.ndarray],
             where: Mapping[str, placing.Place]) -> Iterator[Reading]:
  """Inverts every modality's features and reads the pictures: as they are, and moved.

  Args:
    plan: what the decoder is for.
    params: of the decoder, see `training.train`.
    features: of the validation split, {modality: {layer: [N, D], "fc8": [N, C], "label": [N]}}, in
      the order of `features.extract`.
    gallery: training examples of the reference modality, see `training.gallery`.
    where: of `places`.
  """
  paint, read, layer = painter(plan, params), reader(plan), plan.settings.layer
  average = np.asarray(decoder.pixels(params["statistics"]["image"]))
  reference = plan.reference.name
  for modality in plan.run.modalities:
    part = {name: np.asarray(values[:plan.settings.examples])  # their order is random
            for name, values in features[modality.name].items()}
    for moved in (False, True)[:1 + (modality.name != reference)]:
      x = part[layer]
      if moved:
        x = placing.moved(x, where[modality.name], where[reference])
      nearest = embedding.nearest(x, gallery[layer], 1)[0][:, 0]
      what = f"inversion of {modality.name}{', moved' * moved}"
      seen = _seen(plan, x, nearest, average if modality.name == reference else None, paint, read,
                   what)
      lookup = fidelity.Read(gallery[layer][nearest], gallery["fc8"][nearest])
      yield Reading(modality, moved, part["label"], fidelity.Read(x, part["fc8"]),
                    seen.read, lookup, nearest, seen.errors, seen.looks)


class _Seen(NamedTuple):
  read: fidelity.Read
  errors: Mapping[str, np.ndarray] | None
  looks: Mapping[str, sharpness.Look]


def _seen(plan: plan_lib.Plan, x: np.ndarray, nearest: np.ndarray, average: np.ndarray | None,
          paint, read, what: str) -> _Seen:
  """What the network, and a ruler, find in the pictures made of features x [N, D]; beside their
  originals where the mean picture is given."""
  parts, looks = [], {}
  errors: dict[str, list] = {}
  with progress.Progress(what, len(x), "examples") as line:
    for start in range(0, len(x), batch_of(plan)):
      rows = slice(start, min(start + batch_of(plan), len(x)))
      shown = {"inverted": paint(x[rows], range(rows.start, rows.stop), 0),
               "nearest": pictures(plan, data.TRAIN, nearest[rows])}
      parts.append(read(shown["inverted"]))
      if average is not None:
        originals = pictures(plan, data.VALIDATION, range(rows.start, rows.stop))
        for way, made in (*shown.items(), ("mean", average[None])):
          errors.setdefault(way, []).append(fidelity.squared_error(made, originals))
        shown["real"] = originals
      for way, made in shown.items():
        looks.setdefault(way, []).append((len(made), sharpness.look(made)))
      line.update(rows.stop)
  return _Seen(fidelity.Read(*(np.concatenate(values) for values in zip(*parts))),
               {way: np.concatenate(values) for way, values in errors.items()} or None,
               {way: sharpness.mean(values) for way, values in looks.items()})


def pictures(plan: plan_lib.Plan, split: str, rows) -> np.ndarray:
  """Pictures of the reference modality behind rows of its features, uint8 [N, H, W, 3]."""
  order = features_lib.order(len(plan.pictures.splits[split][plan.reference.name]))
  return np.stack([plan.picture(split, order[row]) for row in rows])
