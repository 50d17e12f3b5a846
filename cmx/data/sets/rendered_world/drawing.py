"""Line drawings: wobbly, incomplete dark strokes on white, no fill, some objects missing."""

import numpy as np
from PIL import Image
from PIL import ImageDraw

from cmx.data.sets.rendered_world import scenes
from cmx.data.sets.rendered_world import shapes

SCALE = 2  # canvas pixels per pixel
_PAPER = 255
_STEP = .05  # length of a stroke's pieces, share of the image
_TURNS = np.linspace(0, 2 * np.pi, 17)
_CIRCLE = np.stack([np.cos(_TURNS), np.sin(_TURNS)], 1)


def render(scene: scenes.Scene, rng: np.random.Generator, size: int) -> scenes.Rendering:
  """Draws a scene in lines, pixels [size, size, 3].

  Args:
    scene: what there is to draw.
    rng: of the hand: what it leaves out, how it shakes, where it lifts the pen.
    size: pixels, height and width.
  """
  side = size * SCALE
  canvas = Image.new("L", (side, side), _PAPER)
  pen = ImageDraw.Draw(canvas)
  width = max(1, round(side / 128 * rng.uniform(1.2, 3)))
  shake, lifts = rng.uniform(.001, .008) * side, rng.uniform(.01, .1)
  hides = rng.random() < .7  # whether nearer objects hide lines of farther ones
  if rng.random() < .35:
    horizon = np.array([(0, scene.horizon), (1, scene.horizon)]) * side
    _stroke(pen, horizon, rng, shake, lifts, width)
  objects = []
  for item in scenes.noticed(scene, rng, 3, 6):
    ink = int(rng.integers(0, 90))
    box = np.array(item.box) + rng.normal(0, .012, 4)
    for part in shapes.placed(item.name, box, item.flip, side):
      if rng.random() > .05:
        _part(pen, part, rng, shake, lifts, width, ink, hides)
    objects += scenes.seen(item.name, box)
  image = np.repeat(np.asarray(canvas.reduce(SCALE))[..., None], 3, 2)
  return scenes.Rendering(image, tuple(objects))


def _part(pen: ImageDraw.ImageDraw, part: shapes.Placed, rng: np.random.Generator, shake: float,
          lifts: float, width: int, ink: int, hides: bool) -> None:
  points = part.points
  if part.kind == "ellipse":
    middle, radius = points.mean(0), (points[1] - points[0]) / 2
    points = middle + radius * _CIRCLE
  elif part.kind == "polygon":
    points = np.concatenate([points, points[:1]])
  if hides and part.kind != "stroke":
    pen.polygon(points.ravel().tolist(), _PAPER)
  _stroke(pen, points, rng, shake, lifts, width, ink)


def _stroke(pen: ImageDraw.ImageDraw, points: np.ndarray, rng: np.random.Generator, shake: float,
            lifts: float, width: int, ink: int = 60) -> None:
  """One line of a shaking hand that now and then lifts the pen."""
  points = _resampled(points, _STEP * pen.im.size[0])
  points = points + rng.normal(0, shake, points.shape)
  count = len(points)
  cuts = [0, *(np.flatnonzero(rng.random(count) < lifts)).tolist(), count]
  flat = points.tolist()
  for start, stop in zip(cuts, cuts[1:]):
    if stop - start > 1:
      pen.line([tuple(p) for p in flat[start:stop]], ink, width)


def _resampled(points: np.ndarray, step: float) -> np.ndarray:
  """A broken line with a point at least every `step` pixels [R, 2]."""
  lengths = np.hypot(*np.diff(points, axis=0).T)
  pieces = np.maximum(1, np.ceil(lengths / step)).astype(int)
  at = np.concatenate([np.arange(n) / n + i for i, n in enumerate(pieces)] + [[len(pieces)]])
  where = np.arange(len(points))
  return np.stack([np.interp(at, where, points[:, 0]), np.interp(at, where, points[:, 1])], 1)
