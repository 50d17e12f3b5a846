"""Shapes: the objects of the vocabulary on a canvas."""

from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import numpy as np

from cmx.data.sets.rendered_world import vocabulary

_DARK, _LIGHT, _PANE = (.14, .13, .14), (.95, .94, .88), (.48, .64, .75)


class Placed(NamedTuple):
  """A primitive on a canvas.

  Attributes:
    kind: as of `vocabulary.Primitive`.
    role: colour role.
    points: corners in pixels [P, 2]; of an ellipse the upper left and lower right corner.
    width: of a stroke, pixels.
  """

  kind: str
  role: int
  points: np.ndarray
  width: float


_CORNERS = {name: np.array([point for part in shape.primitives for point in part.points])
            for name, shape in vocabulary.SHAPES.items()}


def placed(name: str, box: Any, flip: bool, size: int) -> Iterator[Placed]:
  """The primitives of an object in a box on a square canvas, back to front.

  Args:
    name: key of `vocabulary.SHAPES`.
    box: (x0, y0, x1, y1), share of the canvas.
    flip: whether it is mirrored.
    size: of the canvas, pixels.
  """
  x0, y0, x1, y1 = box
  corners = _CORNERS[name]
  if flip:
    corners = corners * (-1, 1) + (1, 0)
  corners = (corners * (x1 - x0, y1 - y0) + (x0, y0)) * size
  start = 0
  for part in vocabulary.SHAPES[name].primitives:
    points = corners[start:start + len(part.points)]
    start += len(part.points)
    if part.kind == "ellipse" and flip:
      points = np.array([[points[1, 0], points[0, 1]], [points[0, 0], points[1, 1]]])
    yield Placed(part.kind, part.role, points, part.width * (y1 - y0) * size)


def colours(name: str, tint: tuple[float, float, float]) -> np.ndarray:
  """Colour of each role of an object, its own changed by `tint`; RGB in [0, 1] [5, 3]."""
  shape = vocabulary.SHAPES[name]
  second = np.add(shape.second, np.multiply(tint, -.3))
  rows = (np.add(shape.main, tint), second, _DARK, _LIGHT, _PANE)
  return np.clip(np.array(rows), .02, .98)
