"""Spatial text: the names of objects, written where the objects are, larger where they are larger.

Layouts are varied, glyphs never: a mirrored layout has its words at mirrored places, readable.
"""

import functools

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from cmx.data.sets.rendered_world import scenes
from cmx.data.sets.rendered_world import vocabulary

FLOOR, CEILING = 9 / 64, 15 / 64  # height of the font, share of the image
_STEP = 3 / 64  # between heights: few sizes, as a network that learns to read needs them
_TIGHT = 8 / 64  # height that a long word may shrink to
_WORDS = 5  # most words of an image
_SYNONYM = .1  # chance that an object goes by another name


def render(scene: scenes.Scene, rng: np.random.Generator, size: int) -> scenes.Rendering:
  """Writes a scene's objects as words, pixels [size, size, 3].

  Args:
    scene: what there is to name.
    rng: of the choice of objects, words and places.
    size: pixels, height and width.
  """
  page = np.full((size, size), 255, np.uint8)
  taken: list[tuple[int, int, int, int]] = []
  objects, mirrored = [], rng.random() < .5
  items = scenes.noticed(scene, rng, 3, _WORDS)
  for item in sorted(items, key=_area, reverse=True):
    x = (item.box[0] + item.box[2]) / 2 + rng.normal(0, .03)
    y = (item.box[1] + item.box[3]) / 2 + rng.normal(0, .03)
    ink = word(_name(item, scene.category, rng), _height(item), size)
    place = free((1 - x if mirrored else x) * size, y * size, ink.shape, taken, size)
    if place:
      x0, y0, x1, y1 = place
      taken.append(place)
      objects += scenes.seen(item.name, np.array(place) / size)
      np.minimum(page[y0:y1, x0:x1], 255 - ink, out=page[y0:y1, x0:x1])
  return scenes.Rendering(np.repeat(page[..., None], 3, 2), tuple(objects))


def _area(item: scenes.Item) -> float:
  return (item.box[2] - item.box[0]) * (item.box[3] - item.box[1])


def _height(item: scenes.Item) -> float:
  """Height of the font, share of the image."""
  height = np.clip(.55 * np.sqrt(_area(item)), FLOOR, CEILING)
  return FLOOR + _STEP * round((height - FLOOR) / _STEP)


def _name(item: scenes.Item, category: str, rng: np.random.Generator) -> str:
  names = [name for name in vocabulary.SHAPES[item.name].words
           if " " not in name and not scenes.gives_away(name, category)] or [item.name]
  return names[0] if rng.random() > _SYNONYM else names[int(rng.integers(len(names)))]


@functools.lru_cache(4096)
def word(text: str, height: float, size: int) -> np.ndarray:
  """A word's ink, 0 paper to 255 ink, uint8 [h, w], shrunk to fit into an image.

  Args:
    text: word.
    height: of the font, share of the image.
    size: of the image, pixels.
  """
  points = height * size
  while True:
    font = ImageFont.load_default(points)
    x0, y0, x1, y1 = font.getbbox(text)
    if x1 - x0 <= size - 2 or points <= _TIGHT * size:
      break
    points = max(_TIGHT * size, points - size / 64)
  ink = Image.new("L", (round(x1 - x0), round(y1 - y0)))
  ImageDraw.Draw(ink).text((-x0, -y0), text, 255, font)
  pixels = np.asarray(ink)[:size, :size]
  # thin strokes come out grey at this size: strengthened, they stay dark
  return np.minimum(255, pixels.astype(np.uint16) * 7 // 4).astype(np.uint8)


def free(x: float, y: float, shape: tuple[int, int], taken: list[tuple[int, int, int, int]],
          size: int) -> tuple[int, int, int, int] | None:
  """The place nearest to (x, y) where a word covers no other; none if there is none near."""
  h, w = shape
  x0 = max(min(max(round(x - w / 2), 1), size - w - 1), 0)  # a margin where there is room
  for shift in (0, *(sign * k * h // 2 for k in range(1, 6) for sign in (1, -1))):
    y0 = max(min(max(round(y - h / 2) + shift, 1), size - h - 1), 0)
    box = (x0, y0, x0 + w, y0 + h)
    if not any(box[0] < t[2] + 1 and t[0] < box[2] + 1 and box[1] < t[3] + 1 and t[1] < box[3] + 1
               for t in taken):
      return box
  return None
