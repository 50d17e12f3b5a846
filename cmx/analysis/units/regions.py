"""Regions: where in a picture a unit fires, from its activation map.

A map is spread over the picture by linear interpolation between the middles of what its places see
(see `towers.ReceptiveField`), and cut at the unit's threshold.
"""

import numpy as np

from cmx.network import towers


def interpolation(places: int, pixels: int, points: int,
                  field: towers.ReceptiveField) -> np.ndarray:
  """How much each place of a row (or column) counts at each point of a picture [points, places].

  Args:
    places: of the map in this direction.
    pixels: of the picture in this direction, as the tower sees it.
    points: spread evenly over the picture; each stands for the middle of its part.
    field: which pixels a place sees; beyond the outermost middles the outermost place counts alone.
  """
  middles = field.start + field.stride * np.arange(places) + (field.size - 1) / 2
  at = (np.arange(points) + 0.5) * pixels / points - 0.5
  # Interpolation is linear in the values: that of each row of the identity is a place's weights.
  return np.stack([np.interp(at, middles, row) for row in np.eye(places)], axis=1)


def spread(maps: np.ndarray, layout: towers.Layout, shape: tuple[int, int],
           points: tuple[int, int]) -> np.ndarray:
  """Activation maps over the whole picture: [..., P] -> float32 [..., points, points].

  Args:
    maps: values at the P = height x width places.
    layout: of pool5.
    shape: height and width of the picture in pixels, as the tower sees it.
    points: height and width of the result.
  """
  maps = maps.reshape(*maps.shape[:-1], layout.height, layout.width)
  rows = interpolation(layout.height, shape[0], points[0], layout.field)
  columns = interpolation(layout.width, shape[1], points[1], layout.field)
  # One direction after the other: the weights of all points on all places are never made.
  return (rows @ maps @ columns.T).astype(np.float32)


def covered(boxes: np.ndarray, points: tuple[int, int]) -> np.ndarray:
  """Which points of a picture each box covers, bool [n, points, points].

  Args:
    boxes: (x0, y0, x1, y1), shares of the picture [n, 4].
    points: height and width of the result; a point is covered where its middle is in the box.
  """
  y, x = ((np.arange(count) + 0.5) / count for count in points)
  x0, y0, x1, y1 = np.reshape(boxes, (-1, 4)).T[..., None]
  return ((y0 <= y) & (y < y1))[:, :, None] & ((x0 <= x) & (x < x1))[:, None, :]
