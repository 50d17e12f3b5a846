"""Tiles: an example with what a unit answers to lit, the rest dimmed."""

import re
from collections.abc import Mapping

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from cmx.analysis import tiles
from cmx.analysis.units import occlusion
from cmx.evaluation import examples
from cmx.files import fonts

DIM, GREY = 0.3, 150  # unlit pixels keep this share of themselves, the rest is this grey
_INK, _MUTED, _PAPER = (30, 30, 30), (150, 150, 150), (255, 255, 255)
_MARK = (255, 196, 77)  # behind words that matter
_HEIGHTS = (0.1, 0.088, 0.077, 0.067, 0.058, 0.05)  # of letters, shares of the tile's side


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
  """A text as a square tile, in the largest letters with which it fits; in the smallest it is cut.

  Args:
    content: the text.
    marks: how much each word matters, in lower case: 0 is not marked, 1 most.
    side: pixels.
  """
  tile = Image.new("RGB", (side, side), _PAPER)
  pen, margin = ImageDraw.Draw(tile), side // 20
  pieces = re.findall(r"\S+", content)
  for share in _HEIGHTS:
    font = fonts.of(content, round(share * side, 1))
    places = _set(pieces, font, side - 2 * margin)
    height = 1.28 * font.size
    room = int((side - 2 * margin) / height)
    if not places or places[-1][1] < room:
      break
  for piece, (x, line) in zip(pieces, places):
    if line < room:
      _write(pen, piece, marks, margin + x, margin + line * height, font)
  pen.rectangle((0, 0, side - 1, side - 1), outline=_MUTED)
  return tile


def _set(pieces: list[str], font: ImageFont.FreeTypeFont, width: int) -> list[tuple[float, int]]:
  """Where each piece begins: (pixels from the left, line)."""
  places, x, line = [], 0.0, 0
  for piece in pieces:
    length = font.getlength(piece)
    if x and x + length > width:
      x, line = 0.0, line + 1
    places.append((x, line))
    x += length + font.getlength(" ")
  return places


def _write(pen: ImageDraw.ImageDraw, piece: str, marks: Mapping[str, float], x: float, y: float,
           font: ImageFont.FreeTypeFont) -> None:
  """Writes a piece of text between two spaces; its words carry their marks, not its commas."""
  for match in occlusion.WORD.finditer(piece):
    strength = min(max(marks.get(match[0].lower(), 0), 0), 1)
    if strength > 0:
      left = x + font.getlength(piece[:match.start()])
      colour = tuple(round(255 + (mark - 255) * strength) for mark in _MARK)
      pen.rectangle((left - 1, y, left + font.getlength(match[0]) + 1, y + 1.2 * font.size), colour)
  pen.text((x, y), piece, _INK, font)
