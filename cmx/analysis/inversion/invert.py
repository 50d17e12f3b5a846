"""Inverting a layer of a run from start to end: decoder, measures, pictures, files."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx.analysis import figures
from cmx.analysis.inversion import feature_pictures
from cmx.analysis.inversion import fidelity
from cmx.analysis.inversion import plan as plan_lib
from cmx.analysis.inversion import readings
from cmx.analysis.inversion import result as result_lib
from cmx.analysis.inversion import sheet
from cmx.analysis.inversion import training
from cmx.evaluation import examples as examples_lib
from cmx.evaluation import features as features_lib
from cmx.training import checkpoint


def invert(run: checkpoint.Run, workdir: pathlib.Path,
           settings: config_lib.Inversion) -> tuple[result_lib.Inverted, pathlib.Path]:
  """Trains the decoder of a run's layer if it is not there, applies it, writes what it makes.

  Args:
    run: trained network.
    workdir: of the run.
    settings: of the inversion.

  Returns:
    The result and the folder that it is in.

  Raises:
    ValueError: see `plan.plan` and `training.train`.
  """
  plan, folder = plan_lib.plan(run, settings), training.folder_of(workdir, settings.layer)
  with figures.style():  # first: without matplotlib nothing is trained
    params = training.train(plan, folder)
    gallery = training.gallery(plan, folder)
    place, features = validation(plan, pathlib.Path(workdir), folder)
    where = readings.places(plan, pathlib.Path(workdir), folder)
    by_modality = list(readings.readings(plan, params, features, gallery, where))
    tiles, pictures = _tiles(plan, params, by_modality)
    units, more = _units(plan, by_modality)
    about, real = _about(plan, params, gallery), by_modality[0].looks["real"].spectrum
    result = result_lib.Inverted(
      {**about, "spectrum": real.tolist(), "rows": [_row(part, real) for part in by_modality],
       "tiles": tiles, "units": units},
      {**pictures, **more})
    result_lib.write(folder, result)
    examples = examples_lib.open_examples(run.config, run.classes, place)
    figures.write(sheet.modalities(result, examples), folder, "sheet")
    figures.write(sheet.spectra(result), folder, "spectra")
    if units:
      figures.write(sheet.units(result, examples), folder, "units")
  return result, folder


def validation(plan: plan_lib.Plan, workdir: pathlib.Path,
               folder: pathlib.Path) -> tuple[pathlib.Path, features_lib.Features]:
  """Validation features with the plan's layer: those of the evaluation, or extracted for this.

  Args:
    plan: of the inversion.
    workdir: of the run.
    folder: of the inversion.

  Returns:
    The folder they are in, and the features.
  """
  shared, wanted = workdir / "features" / data.VALIDATION, {plan.settings.layer, "fc8"}
  try:
    stored = features_lib.load(shared)
    if all(wanted <= part.keys() for part in stored.values()):
      return shared, stored
  except FileNotFoundError:
    pass
  return folder / "validation", features_lib.extract(
    plan.run, plan.dataset, data.VALIDATION, sorted(wanted), folder / "validation",
    batch=plan.run.config.evaluation.batch)


def _about(plan: plan_lib.Plan, params: Mapping[str, Any],
           gallery: Mapping[str, np.ndarray]) -> dict[str, Any]:
  run, settings = plan.run, plan.settings
  count = sum(np.size(leaf) for leaf in jax.tree.leaves(params["decoder"]))
  return {
    "method": run.config.method, "name": run.name,
    "seed": run.config.seed, "layer": settings.layer, "reference": plan.reference.name,
    "size": plan.size,
    "decoder": {"steps": settings.steps, "parameters": count, "drawing": settings.drawing,
                "gallery": len(gallery["label"])},
    "definitions": fidelity.definitions(settings.layer, plan.reference.name)}


def _row(part: readings.Reading, real: np.ndarray) -> dict[str, Any]:
  measures = fidelity.measure(part.given, part.labels, part.inverted, part.lookup, part.errors,
                              part.looks, real)
  return {"modality": part.modality.name, "code": part.modality.code, "moved": part.moved,
          "examples": len(part.labels), "measures": measures,
          "spectrum": {way: found.spectrum.tolist() for way, found in part.looks.items()}}


def _tiles(plan: plan_lib.Plan, params: Mapping[str, Any], by_modality: Sequence[readings.Reading]
           ) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
  """A tile for one example of each modality and shown category, and their pictures [T, ...].

  The nearest picture is looked for by features that were moved to where the reference's lie.
  """
  names = plan.run.classes
  plain = {part.modality.name: part for part in by_modality if not part.moved}
  moved = plain | {part.modality.name: part for part in by_modality if part.moved}
  shown = _shown(plan, plain)
  given, placed = (np.stack([parts[name].given.features[row] for name, row in shown])
                   for parts in (plain, moved))
  paint, rows = readings.painter(plan, params), np.array([row for _, row in shown])
  pictures = {way: paint(x, rows, number)
              for way, x, number in (("inverted", given, 0), ("second", given, 1),
                                     ("third", given, 2), ("moved", placed, 0))}
  pictures["nearest"] = readings.pictures(
    plan, data.TRAIN, [moved[name].nearest[row] for name, row in shown])
  read = readings.reader(plan)
  back = {way: _in_batches(plan, read, made) for way, made in pictures.items()}
  cosines = {way: fidelity.cosine(placed if way in ("moved", "nearest") else given, found.features)
             for way, found in back.items()}

  def tile(number, name, row):
    ways = [way for way in pictures if way != "moved" or name != plan.reference.name]
    return {"modality": name, "category": names[plain[name].labels[row]], "row": row,
            "answer": names[plain[name].given.logits[row].argmax()],
            **{way: {"cosine": float(cosines[way][number]),
                     "answer": names[back[way].logits[number].argmax()]} for way in ways}}

  return [tile(number, name, row) for number, (name, row) in enumerate(shown)], pictures


def _shown(plan: plan_lib.Plan, plain: Mapping[str, readings.Reading]) -> list[tuple[str, int]]:
  """The first row of each shown category, of each modality: its examples' order is random."""
  classes = len(plan.run.classes)
  labels = np.linspace(0, classes - 1, min(plan.settings.categories, classes)).round().astype(int)
  return [(name, row) for name, part in plain.items()
          for row in fidelity.first_of(part.labels, labels.tolist()) if row is not None]


def _in_batches(plan: plan_lib.Plan, function, x: np.ndarray) -> Any:
  """A function of at most `readings.batch_of` rows, on any number of them."""
  size = readings.batch_of(plan)
  parts = [function(x[start:start + size]) for start in range(0, len(x), size)]
  return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def _units(plan: plan_lib.Plan, by_modality: Sequence[readings.Reading]
           ) -> tuple[dict[str, Any] | None, dict[str, np.ndarray]]:
  """Pictures of the liveliest units, through the tower of every modality of pixels."""
  settings = plan.settings.optimisation
  seen = [m for m in plan.run.modalities if len(m.shape) == 3]
  if not (settings.steps and settings.units and seen) or plan.encoded:
    return None, {}
  x = by_modality[0].given.features  # the reference's
  units = feature_pictures.liveliest(plan, x, settings.units)
  pictures = np.stack([feature_pictures.exciting(plan, units, modality) for modality in seen])
  strongest = (np.asarray(x) @ units.directions.T).argmax(axis=0)
  return {"numbers": list(units.numbers), "modalities": [m.name for m in seen],
          "examples": strongest.tolist()}, {"units": pictures}
