"""An example as a person sees it: the picture or text behind a row of features, not its vector."""

import bisect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence

from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from cmx.evaluation import examples
from cmx.files import fonts
from cmx.files import pictures

Colour = tuple[int, int, int]  # red, green, blue, to 255

_INK, _PAPER, _FRAME, _MUTED = (30, 30, 30), (255, 255, 255), (205, 205, 205), (120, 120, 120)
_RIGHT, _WRONG = (0, 158, 115), (213, 94, 0)  # differ for eyes that do not tell red from green
_TICK, _CROSS = [[(0, 0.5), (0.35, 0.95), (1, 0)]], [[(0, 0), (1, 1)], [(0, 1), (1, 0)]]
_LETTERS = (0.11, 0.095, 0.08, 0.068, 0.058)  # heights of letters, shares of the tile's side
_SMALLEST = 7.0  # pixels: letters below cannot be read


def words(example: examples.Example, limit: int) -> str:
  """The example in words: its text, cut to `limit` letters; what it is, where it has none."""
  if isinstance(example.input, str):
    return textwrap.shorten(example.input, limit, placeholder=" ...")
  if example.input is None:
    return "not available"
  return "" if example.is_picture else f"vector of {example.input.size} values"


def tile(example: examples.Example, side: int) -> Image.Image:
  """The example as a square of `side` pixels: pictures fitted in, texts written out."""
  if not example.is_picture:
    return written(words(example, 4_000), side, _MUTED if example.input is None else _INK)
  return _framed(pictures.square(Image.fromarray(example.input), side))


def strip(examples: Sequence[examples.Example], side: int = 96) -> Image.Image:
  """Examples side by side as tiles of `side` pixels."""
  row = Image.new("RGB", (side * max(1, len(examples)), side), _PAPER)
  for i, example in enumerate(examples):
    row.paste(tile(example, side), (i * side, 0))
  return row


def board(rows: Mapping[str, Sequence[examples.Example]], category: str = "",
          side: int = 96) -> Image.Image:
  """Rows of tiles, each below its name, with the category of every example below its tile.

  Args:
    rows: {name of the row: its examples}.
    category: that is looked for: an example of it has a tick and a green frame, another a cross;
      "" marks none.
    side: pixels of a tile.
  """
  line = round(0.19 * side)
  height, most = side + 2 * line, max(map(len, rows.values()))
  page = Image.new("RGB", (most * side, len(rows) * height), _PAPER)
  for i, (name, its) in enumerate(rows.items()):
    top = i * height
    _line(page, (2, top), name.replace("_", " "), line, most * side - 4, _INK)
    for k, example in enumerate(its):
      page.paste(tile(example, side), (k * side, top + line))
      _caption(page, (k * side, top + line), side, line, example.category, category)
  return page


def _caption(page: Image.Image, corner: tuple[int, int], side: int, line: int, name: str,
             category: str) -> None:
  """The category below a tile; where one is looked for, a tick or a cross, and the tile's frame."""
  left, top = corner
  draw, indent = ImageDraw.Draw(page), 2
  if category:
    colour, size = _RIGHT if name == category else _WRONG, 0.6 * line
    draw.rectangle((left + 1, top + 1, left + side - 2, top + side - 2), outline=colour, width=2)
    for stroke in _TICK if name == category else _CROSS:
      draw.line([(left + 2 + size * x, top + side + 0.2 * line + size * y) for x, y in stroke],
                colour, 2)
    indent = round(size) + 5
  _line(page, (left + indent, top + side), name.replace("_", " "), line, side - indent - 2, _MUTED)


def _line(page: Image.Image, place: tuple[int, int], text: str, height: int, width: int,
          colour: tuple[int, int, int]) -> None:
  """One line of a text, cut to so many pixels."""
  font = fonts.of(text, 0.72 * height)
  while len(text) > 1 and font.getlength(text) > width:
    text = text[:-1]
  ImageDraw.Draw(page).text(place, text, colour, font)


def written(text: str, side: int, ink: Colour = _INK,
            grounds: Callable[[str], Iterable[tuple[int, int, Colour]]] = lambda line: ()
            ) -> Image.Image:
  """A text as a square tile, in the largest letters with which it fits; in the smallest it is cut.

  Args:
    text: any.
    side: pixels.
    ink: of its letters.
    grounds: line -> first letter, the one after the last, and colour of each ground in it.
  """
  square = Image.new("RGB", (side, side), _PAPER)
  pen, margin = ImageDraw.Draw(square), max(2, side // 20)
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
    y = margin + i * height
    for first, end, colour in grounds(line):
      x, last = (margin + font.getlength(line[:letters]) for letters in (first, end))
      pen.rectangle((x - 1, y, last + 1, y + 1.2 * font.size), colour)
    pen.text((margin, y), line, ink, font)
  return _framed(square)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
  """Lines of at most `width` pixels; a word that is longer is broken."""
  lines: list[str] = []
  for word in text.split():
    while font.getlength(word) > width and len(word) > 1:
      room = max(1, bisect.bisect_right(
        range(1, len(word)), width, key=lambda i: font.getlength(word[:i])))
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
