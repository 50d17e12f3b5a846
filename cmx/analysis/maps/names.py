"""Names in a map of many categories: where they stand, and few colours that still tell apart."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_NEAR = 0.06  # radius of what counts as one place, share of the map
_RINGS, _ANGLES = 9, 16  # places tried around a category's own
_COVERED = 0.35  # what covering a point costs, in steps away from the category
_WIDE, _HIGH, _AIR = 0.58, 1.25, 1.12  # of a letter, in units of its size; and space around a name


class Name(NamedTuple):
  """A name on a map.

  Attributes:
    label: of the category.
    text: what is written: the name, or the number under which a key has it.
    at: its centre [2], in units of the map.
    of: where the category is densest [2].
    keyed: whether it is a number.
  """

  label: int
  text: str
  at: np.ndarray
  of: np.ndarray
  keyed: bool


def densest(place: np.ndarray, label: np.ndarray) -> dict[int, tuple[np.ndarray, float]]:
  """{label: (centre [2] of its densest place, share of its points there)} of points [N, 2]."""
  densest_places = {}
  for value in np.unique(label):
    points = place[label == value]
    near = np.linalg.norm(points[:, None] - points[None], axis=-1) < _NEAR
    crowd = near[near.sum(axis=1).argmax()]  # around the point that has most others near it
    densest_places[int(value)] = points[crowd].mean(axis=0), float(crowd.mean())
  return densest_places


def arrange(place: np.ndarray, label: np.ndarray, classes: Sequence[str],
            size: float) -> list[Name]:
  """Where the names of all categories stand, so that none covers another.

  Categories that keep together are placed first, each as near to its densest place as there is
  room. A name for which there is none becomes a number, for a key beside the map.

  Args:
    place: points [N, 2] in [0, 1].
    label: int [N].
    classes: names in label order.
    size: height of a letter, share of the map's side.
  """
  centres = densest(place, label)
  order = sorted(centres, key=lambda value: (-centres[value][1], value))
  taken: list[np.ndarray] = []
  names = []
  mark = "#" if any(name.isdecimal() for name in classes) else ""  # numbers may be names, too
  for value in order:
    centre = centres[value][0]
    text = classes[value].replace("_", " ")
    at = _free(centre, _box(text, size), taken, place)
    keyed = at is None
    if at is None:  # a number needs the least room; where that has none either, it covers others
      text = f"{mark}{value + 1}"
      at = _free(centre, _box(text, size), taken, place)
    at = centre if at is None else at
    half = _box(text, size) / 2
    taken.append(np.concatenate([at - half, at + half]))
    names.append(Name(value, text, at, centre, keyed))
  return sorted(names, key=lambda name: name.label)


def _box(text: str, size: float) -> np.ndarray:
  wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)  # of two letters
  return _AIR * size * np.array([_WIDE * (len(text) + 0.8 * wide) + 0.4, _HIGH])


def _free(centre: np.ndarray, box: np.ndarray, taken: Sequence[np.ndarray],
          points: np.ndarray) -> np.ndarray | None:
  """The best place for a box that covers no other: near to `centre`, and over few points."""
  half, others = box / 2, np.array(taken).reshape(-1, 4)
  angles = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
  best, least = None, np.inf
  for ring in range(_RINGS + 1):
    if ring > least:
      break  # farther than the best one costs
    for angle in angles if ring else angles[:1]:
      # farther sideways, as names are wide
      step = 0.8 * box[1] * ring * np.array([np.cos(angle) * (0.6 + half[0] / box[1] / 2),
                                             np.sin(angle)])
      low, high = centre + step - half, centre + step + half
      if (low < 0).any() or (high > 1).any():
        continue
      if ((low < others[:, 2:]) & (high > others[:, :2])).all(axis=1).any():
        continue
      cost = ring + _COVERED * ((points > low) & (points < high)).all(axis=1).sum()
      if cost < least:
        best, least = centre + step, cost
  return best


def colour_places(centres: Sequence[np.ndarray], count: int) -> list[int]:
  """Which of `count` colours each centre [2] gets, so that equal ones lie far from each other."""
  chosen: list[int] = []
  for i, centre in enumerate(centres):
    gaps = []
    for colour in range(count):
      same = [centres[j] for j in range(i) if chosen[j] == colour]
      gaps.append(min((float(np.linalg.norm(centre - other)) for other in same), default=np.inf))
    # the least used of those that are not used at all, else the one that is farthest away
    chosen.append(int(np.argmax(gaps)))
  return chosen
