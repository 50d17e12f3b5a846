"""Words where objects are: one picture of spatial text from what a photograph shows.

Open in the paper, which shows examples only: dark sans-serif words on white, centred on their
objects, higher where those are larger, large ones placed first and none across another. Variations
drop objects, move words and mirror the layout, never the glyphs.
"""

import functools
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL import ImageDraw

from cmx.data.sets.cmplaces import annotations
from cmx.data.sets.rendered_world import spatial_text
from cmx.files import fonts

_LEAST = 0.024  # height of a font, share of the picture, below which a long word is not read
_STEP = 2  # pixels between heights of words: few of them, to draw each word once


class Style(NamedTuple):
  """How pictures look.

  Attributes:
    size: pixels, height and width.
    height: of a word's font, as a share of the square root of its object's area.
    floor: share of the picture that no font is lower than, but for words too long for the picture.
    ceiling: share of the picture that no font is higher than.
    words: of a picture, at most; those of the largest objects.
    drop: share of the objects that a variation leaves out.
    jitter: standard deviation of a word's place in variations, share of the picture.
  """

  size: int = 256
  height: float = 0.35
  floor: float = 0.05
  ceiling: float = 0.2
  words: int = 20
  drop: float = 0.2
  jitter: float = 0.03


def unwritable(name: str, style: Style) -> str:
  """Why a name cannot be written: letters that no font here has, or too many; "" where it can."""
  if lacking := fonts.missing(name):
    return f"no font of this machine has {lacking!r}; install one that has, such as Noto"
  least = max(_STEP, _STEP * round(_LEAST * style.size / _STEP))
  x0, _, x1, _ = fonts.of(name, least).getbbox(name)
  if x1 - x0 > style.size - 2:
    return (f"its {len(name)} letters are wider than the picture of {style.size} pixels where they "
            f"are {least} high; expected a shorter name")
  return ""


def render(photograph: annotations.Photograph, variation: int, seed: int,
           style: Style = Style()) -> np.ndarray:
  """A picture, the same wherever and whenever it is drawn.

  Args:
    photograph: what there is to name.
    variation: 0 is the layout as it is, nothing left out or moved.
    seed: of the variations.
    style: how it looks.

  Returns:
    Grey levels uint8 [size, size], 255 where nothing is written.
  """
  rng = np.random.default_rng([seed, zlib.crc32(photograph.key.encode()), variation])
  page = np.full((style.size, style.size), 255, np.uint8)
  taken: list[tuple[int, int, int, int]] = []
  mirrored = variation > 0 and rng.random() < 0.5
  for item in _chosen(photograph, variation, rng, style):
    x, y = (item.box[0] + item.box[2]) / 2, (item.box[1] + item.box[3]) / 2
    if variation:
      x, y = (1 - x if mirrored else x, y) + rng.normal(0, style.jitter, 2)
    ink = _word(item.name, _points(item, style), style.size)
    place = spatial_text.free(x * style.size, y * style.size, ink.shape, taken, style.size)
    if place:
      x0, y0, x1, y1 = place
      taken.append(place)
      page[y0:y1, x0:x1] = ink
  return page


def _chosen(photograph: annotations.Photograph, variation: int, rng: np.random.Generator,
            style: Style) -> list[annotations.Object]:
  """The objects to name, the largest first; one at least."""
  items = sorted(photograph.objects, key=_area, reverse=True)
  if variation and items:
    kept = rng.random(len(items)) >= style.drop
    items = [item for item, keep in zip(items, kept) if keep] or items[:1]
  return items[:style.words]


def _area(item: annotations.Object) -> float:
  return (item.box[2] - item.box[0]) * (item.box[3] - item.box[1])


def _points(item: annotations.Object, style: Style) -> int:
  """Height of the font, pixels."""
  share = min(max(style.height * _area(item) ** 0.5, style.floor), style.ceiling)
  return _STEP * max(round(share * style.size / _STEP), 1)


@functools.lru_cache(16_384)
def _word(text: str, points: int, size: int) -> np.ndarray:
  """A word, black on white uint8 [h, w]; lower where it would be wider than the picture."""
  while True:
    x0, y0, x1, y1 = map(int, fonts.of(text, points).getbbox(text))
    if x1 - x0 <= size - 2 or points <= _STEP:
      break
    points -= _STEP
  image = Image.new("L", (x1 - x0, y1 - y0), 255)
  ImageDraw.Draw(image).text((-x0, -y0), text, 0, fonts.of(text, points))
  return np.asarray(image)[:size, :size]
