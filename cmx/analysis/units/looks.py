"""Looking: the top examples of some units, with the regions and words that they answer to."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from cmx import modalities as modalities_lib
from cmx.analysis.units import findings as findings_lib
from cmx.analysis.units import occlusion
from cmx.analysis.units import regions
from cmx.analysis.units import tally as tally_lib
from cmx.data.encoders import given
from cmx.evaluation import examples as examples_lib

POINTS = (96, 96)  # of a lit region
CONSISTENT, RANDOM = "most consistent", "random"


class Look(NamedTuple):
  """One of a unit's top examples.

  Attributes:
    example: as a person sees it.
    value: the unit's response.
    lit: region of a picture that the unit answers to, bool [n, n] over the picture; None where it
      is not known.
    marks: words of a text, in lower case, and what the response loses without each, fractions of
      the response; only those without which it loses.
    objects: names of what stands in the lit region, where the data set knows.
  """

  example: examples_lib.Example
  value: float
  lit: np.ndarray | None = None
  marks: Mapping[str, float] = {}
  objects: tuple[str, ...] = ()


class Shown(NamedTuple):
  """A unit to show.

  Attributes:
    layer: name.
    unit: index.
    why: `CONSISTENT` or `RANDOM`: how it came to be shown.
    looks: {modality: top examples, strongest first}; fewer where it does not respond to more.
  """

  layer: str
  unit: int
  why: str
  looks: dict[str, list[Look]]


def choose(alive: np.ndarray, score: np.ndarray | None, count: int,
           rng: np.random.Generator) -> list[tuple[int, str]]:
  """Units to show and why: `count` of the most consistent, and as many of the others by lot.

  Args:
    alive: units that respond in any modality, bool [U]; others are not shown.
    score: consistency [U]; without it all are drawn by lot.
    count: of each kind.
    rng: of the lot.
  """
  candidates, best = np.flatnonzero(alive), []
  if score is not None:
    best = sorted(candidates, key=lambda unit: -score[unit])[:count]
  others = np.setdiff1d(candidates, best)
  lot = rng.permutation(others)[:count]
  return [(int(unit), CONSISTENT) for unit in best] + [(int(unit), RANDOM) for unit in sorted(lot)]


class Looker:
  """Looks at top examples; what was found of an example serves every unit that has it on top."""

  def __init__(self, findings: findings_lib.Findings, examples: examples_lib.Examples):
    """Args: findings: of the run; examples: of its subject, by modality and row."""
    self._subject, self._tallies, self._seen = findings.subject, findings.tallies, findings.seen
    self._squares, self._examples = findings.options.squares, examples
    self._responses: dict[str, occlusion.Responses] = {}
    self._drops: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    self._problems: dict[str, None] = {}

  @property
  def problems(self) -> list[str]:
    """What could not be looked at so far, in words."""
    return list(self._problems)

  def __call__(self, layer: str, unit: int, why: str) -> Shown:
    """A unit looked at in every modality."""
    return Shown(layer, unit, why, {row.name: self._looks(layer, unit, row)
                                    for row in self._subject.modalities})

  def _looks(self, layer: str, unit: int, row: modalities_lib.Modality) -> list[Look]:
    tally, looks = self._tallies[layer][row.name], []
    if tally_lib.dead(tally)[unit]:
      return looks
    for rank in range(tally.rows.shape[1]):
      if tally.rows[unit, rank] < 0:
        break
      example = self._examples(row.name, int(tally.rows[unit, rank]))
      look = Look(example, float(tally.values[unit, rank]))
      if example.input is not None:
        try:
          look = self._looked(look, layer, unit, row, rank)
        except (OSError, given.NoVector) as error:  # the package is gone; no vectors of new texts
          self._problems[f"Nothing is marked in {row.name}: {error}"] = None
      looks.append(look)
    return looks

  def _looked(self, look: Look, layer: str, unit: int, row: modalities_lib.Modality,
              rank: int) -> Look:
    tally, x = self._tallies[layer][row.name], look.example.input
    if isinstance(x, str):
      lost = self._without(layer, unit, row, int(tally.rows[unit, rank]), x)
      return look._replace(marks={word: float(drop) for word, drop in
                                  zip(occlusion.words(x), lost) if drop > 0})
    if x.ndim != 3:
      return look
    if tally.maps.shape[2] > 1:
      spread = regions.spread(tally.maps[unit, rank], self._subject.layout, row.shape[:2], POINTS)
      lit = spread > tally_lib.threshold(tally)[unit]
    elif self._squares:
      lost = self._without(layer, unit, row, int(tally.rows[unit, rank]), x)
      lit = (lost > 0) & (lost >= lost.max() / 2)
      lit = lit.reshape(self._squares, self._squares)
    else:
      return look
    return look._replace(lit=lit, objects=self._within(lit, row, int(tally.rows[unit, rank])))

  def _without(self, layer: str, unit: int, row: modalities_lib.Modality, at: int,
               x: np.ndarray | str) -> np.ndarray:
    """What the unit loses of its response without each part of an example [parts]."""
    if row.name not in self._responses:
      self._responses[row.name] = occlusion.responses(self._subject, row)
    if (row.name, at) not in self._drops:
      if isinstance(x, str):
        parts = [occlusion.without_word(x, word) for word in occlusion.words(x)]
      else:
        parts = [occlusion.without_square(x, self._squares, square)
                 for square in range(self._squares ** 2)]
      self._drops[row.name, at] = occlusion.drops(x, parts, self._responses[row.name])
    return self._drops[row.name, at][layer][:, unit]

  def _within(self, lit: np.ndarray, row: modalities_lib.Modality, at: int) -> tuple[str, ...]:
    """Objects in the lit region: it holds half of them, or they hold half of it."""
    if row.name not in self._seen or not lit.any():
      return ()
    objects = self._seen[row.name](int(self._subject.chosen[row.name][at]))
    if not objects:
      return ()
    names, boxes = zip(*objects)
    large = lit.repeat(-(-POINTS[0] // len(lit)), 0).repeat(-(-POINTS[1] // lit.shape[1]), 1)
    covered = regions.covered(np.array(boxes), large.shape)
    both = (covered & large).sum(axis=(1, 2))
    smaller = np.minimum(covered.sum(axis=(1, 2)), large.sum())
    return tuple(dict.fromkeys(name for name, inside, size in zip(names, both, smaller)
                               if size and 2 * inside >= size))
