"""Clip art: a few large objects in flat, saturated colours with dark outlines on white ground."""

import colorsys

import numpy as np
from PIL import Image
from PIL import ImageDraw

from cmx.data.sets.rendered_world import scenes
from cmx.data.sets.rendered_world import shapes

SCALE = 2  # canvas pixels per pixel
_INK = (28, 26, 34)
_WHITE = (255, 255, 255)


def render(scene: scenes.Scene, rng: np.random.Generator, size: int) -> scenes.Rendering:
  """Draws a scene as clip art, pixels [size, size, 3].

  Args:
    scene: what there is to draw.
    rng: of the choice of objects, their size and the outlines' strength.
    size: pixels, height and width.
  """
  side = size * SCALE
  canvas = Image.new("RGB", (side, side), _WHITE)
  pen = ImageDraw.Draw(canvas)
  line = max(1, round(side / 128 * rng.uniform(1, 3)))
  larger = rng.uniform(1.1, 1.5)
  vivid = rng.uniform(.6, 1)
  objects = []
  for item in scenes.noticed(scene, rng, 2, 5):
    box = _grown(item.box, larger * rng.uniform(.85, 1.15))
    _draw(pen, item, box, side, line, vivid)
    objects += scenes.seen(item.name, box)
  return scenes.Rendering(np.asarray(canvas.reduce(SCALE)), tuple(objects))


def _grown(box: tuple[float, float, float, float], times: float) -> tuple[float, ...]:
  """The box made larger about its middle, and moved so that most of it stays in the picture."""
  x0, y0, x1, y1 = box
  w, h = (x1 - x0) * times / 2, (y1 - y0) * times / 2
  x = min(max((x0 + x1) / 2, min(w * .7, .5)), max(1 - w * .7, .5))
  y = min(max((y0 + y1) / 2, min(h * .8, .5)), max(1 - h * .8, .5))
  return x - w, y - h, x + w, y + h


def _draw(pen: ImageDraw.ImageDraw, item: scenes.Item, box: tuple[float, ...], side: int, line: int,
          vivid: float) -> None:
  palette = [_flat(row, vivid) for row in shapes.colours(item.name, item.tint)]
  for part in shapes.placed(item.name, box, item.flip, side):
    points = part.points.ravel().tolist()
    if part.kind == "polygon":
      pen.polygon(points, palette[part.role])
      pen.line(points + points[:2], _INK, line)
    elif part.kind == "ellipse":
      pen.ellipse(points, palette[part.role], _INK, line)
    else:
      width = max(1, round(part.width))
      pen.line(points, _INK, width + line)
      pen.line(points, palette[part.role], width)


def _flat(colour: np.ndarray, vivid: float) -> tuple[int, ...]:
  """The nearest of a few saturated colours, RGB in [0, 255]."""
  hue, saturation, value = colorsys.rgb_to_hsv(*colour)
  if saturation > .12:
    saturation, hue = min(1, vivid * (.55 + saturation * .6)), round(hue * 12) / 12
  value = min(1, round((value * 1.2 + .1) * 4) / 4)
  return tuple(int(255 * c) for c in colorsys.hsv_to_rgb(hue, saturation, value))
