"""Objects: what stands where units fire, where the data set knows its objects and their boxes.

Definition, after Network Dissection (Bau et al. 2017), over a whole split and for one modality:

  IoU(unit, object) = sum over examples of |lit and object| / sum over examples of |lit or object|

lit: the points of a picture at which the unit's map, spread over it, is above the unit's threshold;
object: the points in boxes of that object. Boxes are whole: that a nearer object covers a part does
not count. Where a unit has one value an example (a text, fc6, fc7), whole examples stand in for
points: those on which the unit fires, and those that show or tell of the object.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx import data
from cmx import modalities as modalities_lib
from cmx.analysis.units import regions
from cmx.analysis.units import subject as subject_lib
from cmx.analysis.units import tally

_POINTS = (32, 32)  # of a picture that are compared
_ENOUGH = 0.04  # IoU from which on a unit counts as a detector, as in Network Dissection

Seen = Sequence[tuple[str, Sequence[float]]]  # (name, box) of an example's objects


class Overlaps(NamedTuple):
  """How well units fit objects.

  Attributes:
    names: of the O objects, in alphabetical order.
    iou: {layer: {modality: [U, O]}}, fractions.
  """

  names: tuple[str, ...]
  iou: dict[str, dict[str, np.ndarray]]


def seen(dataset: data.Dataset, split: str,
         modalities: Sequence[str]) -> dict[str, Callable[[int], Seen]]:
  """How to get the objects of a modality's examples by index; {} where they are not known.

  The data set is not encoded.
  """
  truth = data.truth(dataset.name) if dataset.name in data.names() else None
  if truth is None:
    return {}

  def of(source: data.Source) -> Callable[[int], Seen]:
    return lambda index: [(thing["name"], thing["box"])
                          for thing in truth(source, index)["objects"]]

  return {modality: of(dataset.splits[split][modality]) for modality in modalities}


def overlaps(subject: subject_lib.Subject, tallies: Mapping[str, Mapping[str, tally.Tally]],
             seen: Mapping[str, Callable[[int], Seen]]) -> Overlaps:
  """IoU of every unit with every object, by a pass over the examples that `tally` has seen.

  Args:
    subject: what to look at.
    tallies: of the same subject; they hold the thresholds.
    seen: objects of an example by index, for each modality.
  """
  told = {row.name: [seen[row.name](int(i)) for i in subject.chosen[row.name]]
          for row in subject.modalities}
  names = tuple(sorted({name for part in told.values() for objects in part for name, _ in objects}))
  place = {name: i for i, name in enumerate(names)}
  iou: dict[str, dict[str, Any]] = {layer: {} for layer in subject.layers}
  for row in subject.modalities:
    counts = {layer: _Counts(len(part[row.name].lowest), len(names))
              for layer, part in tallies.items()}
    for start, batch, activations in subject_lib.stream(subject, row):
      for layer, count in counts.items():
        x = subject_lib.laid_out(activations[layer], layer, row, subject.layout)
        level = tally.threshold(tallies[layer][row.name])
        for example, objects in zip(x, told[row.name][start:start + len(batch)]):
          which = [place[name] for name, _ in objects]
          boxes = np.array([box for _, box in objects])
          count.add(*_points(example, level, which, boxes, row, subject, len(names)))
    for layer, count in counts.items():
      iou[layer][row.name] = count.iou()
  return Overlaps(names, iou)


def _points(x: np.ndarray, level: np.ndarray, which: Sequence[int], boxes: np.ndarray,
            row: modalities_lib.Modality, subject: subject_lib.Subject,
            objects: int) -> tuple[np.ndarray, np.ndarray]:
  """Which points of an example are lit, bool [U, S], and which show each object, bool [O, S]."""
  shows = np.zeros((objects, 1), bool)
  if len(x) == 1:
    shows[which] = True
    return x.T > level[:, None], shows
  maps = regions.spread(x.T, subject.layout, row.shape[:2], _POINTS)
  shows = np.zeros((objects, maps[0].size), bool)
  for i, box in zip(which, regions.covered(boxes, _POINTS)):
    shows[i] |= box.ravel()
  return (maps > level[:, None, None]).reshape(len(maps), -1), shows


class _Counts:
  """Points lit, of objects, and both, over many examples."""

  def __init__(self, units: int, objects: int):
    self._both, self._lit = np.zeros((units, objects)), np.zeros(units)
    self._shown = np.zeros(objects)

  def add(self, lit: np.ndarray, shows: np.ndarray) -> None:
    present = shows.any(axis=1)
    self._both[:, present] += lit.astype(np.float32) @ shows[present].T.astype(np.float32)
    self._lit += lit.sum(axis=1)
    self._shown += shows.sum(axis=1)

  def iou(self) -> np.ndarray:
    either = self._lit[:, None] + self._shown - self._both
    return self._both / np.maximum(either, 1)


def best(iou: np.ndarray) -> np.ndarray:
  """The object that fits each unit best, int [U]; -1 where none reaches `_ENOUGH` of iou [U, O]."""
  if not iou.shape[1]:
    return np.full(len(iou), -1)
  return np.where(iou.max(axis=1) >= _ENOUGH, iou.argmax(axis=1), -1)


def shared(best: np.ndarray) -> np.ndarray:
  """In how many modalities a unit's most frequent best object is its best [U], of best [M, U]."""
  return np.array([np.bincount(column[column >= 0], minlength=1).max() for column in best.T])


def shared_by_chance(best: np.ndarray, modalities: int, rng: np.random.Generator,
                     draws: int) -> float:
  """Units expected to share an object in that many modalities if units were dealt out by lot.

  Each modality keeps its units' best objects [M, U], but which unit has which is drawn anew: so an
  object that fits many units is met as often as it is.
  """
  shared_counts = [(shared(np.stack([rng.permutation(row) for row in best])) >= modalities).sum()
                   for _ in range(draws)]
  return float(np.mean(shared_counts))
