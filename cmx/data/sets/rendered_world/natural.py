"""Natural images: small rendered photographs of scenes.

Objects are drawn flat on a canvas of twice the size together with a map of which object each pixel
shows; light, shadow, texture and haze are then arrays over that map, so that their cost does not
grow with the number of objects.
"""

import functools
from typing import Any

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFilter

from cmx.data.sets.rendered_world import backdrops
from cmx.data.sets.rendered_world import scenes
from cmx.data.sets.rendered_world import shapes
from cmx.data.sets.rendered_world import surfaces

SCALE = 2  # canvas pixels per pixel
_ROUND = .3  # strength of the light's gradient over an object
_ROUGH = {"tree": .22, "pine": .2, "bush": .22, "hay": .2, "rock": .16, "mesa": .16,
          "peak": .14, "sheep": .12}


def render(scene: scenes.Scene, rng: np.random.Generator, size: int) -> scenes.Rendering:
  """Draws a scene as a photograph, pixels [size, size, 3].

  Args:
    scene: what there is to see.
    rng: of textures, exposure, focus and sensor noise.
    size: pixels, height and width.
  """
  side = size * SCALE
  canvas = backdrops.paint(scene, rng, side)
  ids = Image.new("L", (side, side))
  pen, mark = ImageDraw.Draw(canvas), ImageDraw.Draw(ids)
  for number, item in enumerate(scene.items, 1):
    _draw(pen, mark, item, number, side, scene.light)
  if rng.random() < .1:
    _foreground(pen, mark, rng, side, len(scene.items) + 1)
  image = _lit(np.array(canvas, np.float32), np.asarray(ids), scene, rng)
  image = sum(image[i::SCALE, j::SCALE] for i in range(SCALE) for j in range(SCALE))
  image *= np.float32(SCALE ** -2)
  objects = [thing for item in scene.items for thing in scenes.seen(item.name, item.box)]
  return scenes.Rendering(_photograph(image, rng), tuple(objects))


def _draw(pen: Any, mark: Any, item: scenes.Item, number: int, side: int, light: Any) -> None:
  colours = (shapes.colours(item.name, item.tint) * 255).astype(int)
  palette = [tuple(row) for row in colours.tolist()]
  for part in shapes.placed(item.name, item.box, item.flip, side):
    colour, points = palette[part.role], part.points.ravel().tolist()
    if part.kind == "polygon":
      pen.polygon(points, colour)
      mark.polygon(points, number)
    elif part.kind == "stroke":
      width = max(1, round(part.width))
      pen.line(points, colour, width)
      mark.line(points, number, width)
    else:
      pen.ellipse(points, colour)
      mark.ellipse(points, number)
      _highlight(pen, points, colour, light)


def _highlight(pen: Any, points: list[float], colour: tuple[int, ...], light: Any) -> None:
  """A lighter spot towards the light makes a disc a ball."""
  x0, y0, x1, y1 = points
  w, h = x1 - x0, y1 - y0
  if min(w, h) < 6:
    return
  x, y = x0 + w * (.5 + .14 * light[0]), y0 + h * (.5 + .16 * light[1])
  lighter = tuple(min(255, int(c * (1.06 + .12 * light[2]) + 4)) for c in colour)
  pen.ellipse((x - .3 * w, y - .3 * h, x + .3 * w, y + .3 * h), lighter)


def _foreground(pen: Any, mark: Any, rng: np.random.Generator, side: int, number: int) -> None:
  """Something dark and near at the edge of the picture, as in a snapshot."""
  x = side * float(rng.choice((0, 1)))
  reach = side * rng.uniform(.1, .28)
  points = [(x - reach, -1), (x + reach * rng.uniform(.4, 1), -1),
            (x + reach, side * rng.uniform(.3, .7)),
            (x + reach * rng.uniform(.2, .8), side + 1), (x - reach, side + 1)]
  shade = int(rng.integers(15, 70))
  pen.polygon(points, (shade, int(shade * .95), int(shade * .85)))
  mark.polygon(points, number)


@functools.cache
def _grid(side: int) -> tuple[np.ndarray, np.ndarray]:
  """x [1, side] and y [side, 1] of pixel centres, share of the image."""
  line = ((np.arange(side) + .5) / side).astype(np.float32)
  return line[None], line[:, None]


def _lit(albedo: np.ndarray, ids: np.ndarray, scene: scenes.Scene,
         rng: np.random.Generator) -> np.ndarray:
  """Light, cast shadow, roughness and haze over the map of objects; float32 [side, side, 3]."""
  side = len(ids)
  x, y = _grid(side)
  base, along, down, rough, haze = _tables(scene)[:, ids]
  shade = base + along * x + down * y
  np.clip(shade, .5, 1.4, out=shade)
  shade += rough * surfaces.cut(surfaces.texture("grain"), rng, side)
  shade *= _shadow(ids, scene, side)
  for channel, air in enumerate(backdrops.air(scene)):  # one at a time: a third of the time
    plane = albedo[..., channel] * shade
    albedo[..., channel] = plane + haze * (np.float32(air) - plane)
  return albedo


def _tables(scene: scenes.Scene) -> np.ndarray:
  """Base, gradient in x, in y, roughness, haze; of the backdrop, objects, foreground [5, n + 2]."""
  lx, ly, strength = scene.light
  table = np.zeros((5, len(scene.items) + 2), np.float32)
  table[0] = 1
  for i, item in enumerate(scene.items, 1):
    x0, y0, x1, y1 = item.box
    along = 2 * _ROUND * strength * lx / (x1 - x0)
    down = 1.6 * _ROUND * strength * ly / (y1 - y0)
    table[0, i] = 1 - along * (x0 + x1) / 2 - down * (y0 + y1) / 2
    table[1:4, i] = along, down, _ROUGH.get(item.name, .03)
    table[4, i] = backdrops.haze(scene, item)
  return table


def _shadow(ids: np.ndarray, scene: scenes.Scene, side: int) -> np.ndarray:
  """Share of light that arrives where nearer objects stand in its way, float32 [side, side]."""
  lx, ly, strength = scene.light
  ground = Image.new("L", (side, side), 255)
  pen = ImageDraw.Draw(ground)
  for item in scene.items:
    x0, y0, x1, y1 = item.box
    if y1 > scene.horizon + .02:  # stands on the ground
      deep, lean = .1 * (y1 - y0) + .015, -.25 * lx * (x1 - x0)
      pen.ellipse([v * side for v in (x0 + min(lean, 0), y1 - deep, x1 + max(lean, 0), y1 + deep)],
                  int(255 - 150 * (.4 + .6 * strength)))
  soft = np.asarray(ground.filter(ImageFilter.BoxBlur(side / 50)), np.float32) / 255
  light = np.where(ids == 0, soft, np.float32(1))
  nearer = np.roll(ids, (max(1, round(-.02 * ly * side)), round(-.035 * lx * side)), (0, 1))
  light[(nearer > ids) & (ids > 0)] *= 1 - .35 * strength
  return light


@functools.cache
def _vignette(size: int) -> np.ndarray:
  x, y = _grid(size)
  return (1 - .55 * ((x - .5) ** 2 + (y - .5) ** 2))[..., None].astype(np.float32)


def _photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """White balance, exposure, focus, vignette, contrast and sensor noise; uint8 [size, size, 3]."""
  size = len(image)
  warm = rng.normal(0, .07)
  gain = np.float32(rng.uniform(.8, 1.3) * np.array((1 + warm, 1, 1 - warm)))
  image = image * (gain * (1 if rng.random() < .5 else _vignette(size)))
  if rng.random() < .45:  # out of focus; the radius is a share of the image, as at any resolution
    blurred = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    focus = ImageFilter.GaussianBlur(size / 64 * rng.uniform(.3, .9))
    image = np.asarray(blurred.filter(focus), np.float32)
  contrast = np.float32(rng.uniform(.8, 1.25))
  image = 118 + contrast * (image - 118) + rng.uniform(-12, 14)
  image += np.float32(255 * rng.uniform(.01, .045)) * surfaces.cut(surfaces.noise(), rng, size)
  return np.clip(image, 0, 255).astype(np.uint8)
