"""Tallying: one pass over a split, in which every unit keeps its top examples and class sums.

No activations outlive their batch, so that memory does not grow with the split.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cmx import data
from cmx import modalities as modalities_lib
from cmx.analysis.units import tally as tally_lib
from cmx.evaluation import features
from cmx.network import model
from cmx.network import towers
from cmx.runtime import devices
from cmx.training import checkpoint


class Subject(NamedTuple):
  """A run laid open: what passes over it need.

  Attributes:
    run: trained network.
    params: its parameters on the devices.
    modalities: rows to look at.
    layers: activations to look at.
    sources: encoded examples of the split by modality.
    chosen: which of them, in which order, by modality, int [N].
    layout: how pool5 is laid out, or None where it is no map.
    batch: examples a forward pass.
  """

  run: checkpoint.Run
  params: model.Params
  modalities: tuple[modalities_lib.Modality, ...]
  layers: tuple[str, ...]
  sources: Mapping[str, data.Source]
  chosen: Mapping[str, np.ndarray]
  layout: towers.Layout | None
  batch: int


def subject(run: checkpoint.Run, dataset: data.Dataset, split: str, layers: Sequence[str],
            modalities: Sequence[str], limit: int | None) -> tuple[Subject, list[str]]:
  """What of the asked there is, and what is missing, in words.

  Args:
    run: trained network.
    dataset: encoded as for the run.
    split: "train" or "validation".
    layers: asked for.
    modalities: names or codes asked for; all of the run where there are none.
    limit: examples of each modality at most, by lot; None takes all.

  Raises:
    ValueError: if nothing is left, or the data set's classes are not the run's.
  """
  if dataset.classes != run.classes:
    raise ValueError(f"data set {dataset.name!r} has {len(dataset.classes)} classes, "
                     f"{', '.join(dataset.classes[:3])} ...; the run was trained on "
                     f"{len(run.classes)}, {', '.join(run.classes[:3])} ...")
  known, sources = features.widths(run), dataset.splits[split]
  missing = [f"There is no layer {layer!r}; expected one of {', '.join(known)}"
             for layer in layers if layer not in known]
  names = {name for row in run.modalities for name in (row.name, row.code)}
  missing += [f"The run has no modality {name!r}; it was trained on "
              f"{', '.join(row.name for row in run.modalities)}"
              for name in modalities if name not in names]
  rows = []
  for row in run.modalities:
    if modalities and not {row.name, row.code} & set(modalities):
      continue
    if not len(sources.get(row.name, ())):
      missing.append(f"The data set has no {split} examples of {row.name}")
    else:
      rows.append(row)
  layers = tuple(layer for layer in dict.fromkeys(layers) if layer in known)
  if not layers or not rows:
    raise ValueError("nothing is left to look at:\n  " + "\n  ".join(missing))
  batch = run.config.evaluation.batch
  batch = devices.rounded_up(batch)
  return Subject(run, devices.replicate(run.params), tuple(rows), layers,
                 {row.name: sources[row.name] for row in rows},
                 {row.name: features.order(len(sources[row.name]), limit) for row in rows},
                 towers.layout(run.modalities, run.config.network), batch), missing


def laid_out(x: np.ndarray, layer: str, modality: modalities_lib.Modality,
             layout: towers.Layout | None) -> np.ndarray:
  """Values of units at their places [b, P, U], from a layer's activations [b, D].

  pool5 of a picture has a place for each position of its map. What stands in for pool5 without a
  picture has one: the largest of the same values.
  """
  if layer != "pool5" or layout is None:
    return x[:, None]
  x = x.reshape(len(x), layout.height * layout.width, layout.channels)
  return x if len(modality.shape) == 3 else x.max(axis=1, keepdims=True)


def tally(subject: Subject, *, top: int, places: float, examples: float
          ) -> dict[str, dict[str, tally_lib.Tally]]:
  """A tally of each layer and modality, {layer: {modality: Tally}}, by one pass over the examples.

  Args:
    subject: what to look at.
    top: examples kept of each unit and modality.
    places: share of the values of a map above which a unit fires.
    examples: the same where a unit has one value an example.
  """
  tallies: dict[str, dict[str, tally_lib.Tally]] = {layer: {} for layer in subject.layers}
  for row in subject.modalities:
    chosen = subject.chosen[row.name]
    for start, batch, activations in stream(subject, row):
      labels = np.array([example["label"] for example in batch])
      for layer in subject.layers:
        x = laid_out(activations[layer], layer, row, subject.layout)
        before = tallies[layer].get(row.name) or tally_lib.start(
          len(subject.run.classes), x.shape[2], x.shape[1], top=top,
          highest=tally_lib.values_to_keep(
            places if x.shape[1] > 1 else examples, len(chosen) * x.shape[1]))
        tallies[layer][row.name] = tally_lib.add(before, x, labels, start)
  return tallies


def stream(subject: Subject, row: modalities_lib.Modality):
  """See `features.stream`: the subject's examples and layers of one modality."""
  return features.stream(subject.run, subject.params, row, subject.sources[row.name],
                         subject.chosen[row.name], subject.layers, subject.batch)
