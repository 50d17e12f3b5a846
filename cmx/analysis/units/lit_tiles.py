"""Tiles: an example with what a unit answers to lit, the rest dimmed."""

from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

from cmx.analysis import tiles
from cmx.analysis.units import occlusion
from cmx.evaluation import examples

DIM, GREY = 0.3, 150  # unlit pixels keep this share of themselves, the rest is this grey
_MARK = (255, 196, 77)  # behind words that matter


def picture(example: examples.Example, lit: np.ndarray | None, side: int) -> Image.Image:
  """A picture as a square tile, lit where `lit` is true (bool [n, n], over the whole picture)."""
  if lit is None:
    return tiles.tile(example, side)
  height, width = example.input.shape[:2]
  scale = side / max(height, width)
  size = max(1, round(width * scale)), max(1, round(height * scale))
  large = np.asarray(Image.fromarray(example.input).resize(size, Image.Resampling.BICUBIC))
  mask = np.asarray(Image.fromarray(lit).resize(size, Image.Resampling.NEAREST))[..., None]
  dimmed = np.where(mask, large, DIM * large + (1 - DIM) * GREY).astype(np.uint8)
  return tiles.tile(example._replace(input=dimmed), side)


def text(content: str, marks: Mapping[str, float], side: int) -> Image.Image:
  """A text as a square tile, its words on the ground of their marks; see `tiles.written`.

  Args:
    content: the text.
    marks: how much each word matters, in lower case: 0 is not marked, 1 most.
    side: pixels.
  """
  def grounds(line: str) -> Iterator[tuple[int, int, tiles.Colour]]:
    for match in occlusion.WORD.finditer(line):
      strength = min(max(marks.get(match[0].lower(), 0), 0), 1)
      if strength > 0:
        yield *match.span(), tuple(round(255 + (mark - 255) * strength) for mark in _MARK)

  return tiles.written(content, side, grounds=grounds)
