"""An example as a person sees it: the picture or text behind a row of features, not its vector."""

import textwrap
from collections.abc import Sequence

from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from cmx.evaluation import examples
from cmx.files import fonts
from cmx.files import pictures

_INK, _PAPER, _FRAME, _MUTED = (30, 30, 30), (255, 255, 255), (205, 205, 205), (120, 120, 120)
_LETTERS = (0.11, 0.095, 0.08, 0.068, 0.058)  # heights of letters, shares of the tile's side
_SMALLEST = 7.0  # pixels: letters below cannot be read


def words(example: examples.Example, limit: int) -> str:
  """The example in words: its text, cut to `limit` letters; what it is, where it has none."""
  if isinstance(example.input, str):
    return textwrap.shorten(example.input, limit, placeholder=" ...")
  if example.input is None:
    return "not available"
  return "" if example.input.ndim == 3 else f"vector of {example.input.size} values"


def tile(example: examples.Example, side: int) -> Image.Image:
  """The example as a square of `side` pixels: pictures fitted in, texts written out."""
  if example.input is None or isinstance(example.input, str) or example.input.ndim != 3:
    return _written(words(example, 4_000), side, example.input is None)
  return _framed(pictures.square(Image.fromarray(example.input), side))


def strip(examples: Sequence[examples.Example], side: int = 96) -> Image.Image:
  """Examples side by side as tiles of `side` pixels."""
  row = Image.new("RGB", (side * max(1, len(examples)), side), _PAPER)
  for i, example in enumerate(examples):
    row.paste(tile(example, side), (i * side, 0))
  return row


def _written(text: str, side: int, missing: bool) -> Image.Image:
  """A text in the largest letters with which it fits; in the smallest it is cut."""
  square = Image.new("RGB", (side, side), _PAPER)
  margin = max(2, side // 20)
  width = side - 2 * margin
  for share in _LETTERS:
    font = fonts.of(text, max(_SMALLEST, share * side))
    height = 1.25 * font.size
    lines, room = _wrapped(text, font, width), max(1, int(width / height))
    if len(lines) <= room:
      break
  else:
    lines = [*lines[:room - 1], "..."]
  for i, line in enumerate(lines):
    place = margin, margin + i * height
    ImageDraw.Draw(square).text(place, line, _MUTED if missing else _INK, font)
  return _framed(square)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
  """Lines of at most `width` pixels; a word that is longer is broken."""
  lines: list[str] = []
  for word in text.split():
    while font.getlength(word) > width and len(word) > 1:
      room = next(i for i in range(len(word), 0, -1) if i == 1 or font.getlength(word[:i]) <= width)
      lines.append(word[:room])
      word = word[room:]
    if lines and font.getlength(f"{lines[-1]} {word}") <= width:
      lines[-1] += f" {word}"
    else:
      lines.append(word)
  return lines


def _framed(square: Image.Image) -> Image.Image:
  ImageDraw.Draw(square).rectangle((0, 0, square.width - 1, square.height - 1), outline=_FRAME)
  return square
