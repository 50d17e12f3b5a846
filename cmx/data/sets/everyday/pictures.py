"""Pictures as the set has them: on a white square of 160 pixels, cut out ones with a margin."""

import functools
import gzip
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from cmx.data.sets.everyday import recipe as recipe_lib
from cmx.files import pictures

_SIDE = 160  # pixels of the stored picture
_DRAWN = 256  # pixels of the picture before it is reduced
_INK = 0.9  # share of the side that a cut out thing fills
_OPAQUE = 8  # alpha above which a pixel belongs to the thing, of 255
_LARGEST = 50_000_000  # pixels of a package's picture
_TEXT_BASE, _TEXT_SLOPE = 15, 29  # font size in pixels at 256 = base + slope x the word's size
_GAP = 2  # pixels between two words, one above the other
_DPI = 96  # without it resvg refuses files measured in points
_HINT = "drawing SVG needs resvg-py: pip install 'cmx[everyday]' (or resvg-py==0.5.0)"

_Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def renderer() -> Any:
  """The module that draws SVG. Raises ModuleNotFoundError that says how to get it."""
  try:
    import resvg_py  # an extra: only building from packages needs it
  except ImportError as error:
    raise ModuleNotFoundError(_HINT) from error
  return resvg_py


def svg(content: bytes) -> Image.Image:
  """Draws an SVG (or SVGZ) 256 pixels wide, as RGBA. Raises ValueError if it cannot be drawn."""
  if content[:2] == b"\x1f\x8b":
    content = gzip.decompress(content)
  drawn = renderer().svg_to_bytes(svg_string=content.decode("utf-8", "replace"), width=_DRAWN,
                                  dpi=_DPI, skip_system_fonts=True)
  return raster(bytes(drawn))


def raster(content: bytes) -> Image.Image:
  """Opens a picture file as RGBA. Raises ValueError if it is too large."""
  try:
    with Image.open(io.BytesIO(content)) as image:
      if image.width * image.height > _LARGEST:
        size = f"{image.width} x {image.height}"
        raise ValueError(f"picture of {size} pixels; limit {_LARGEST} in all")
      return image.convert("RGBA")
  except Image.DecompressionBombError as error:
    raise ValueError(f"picture is too large: {error}") from error


def framed(image: Image.Image) -> Image.Image:
  """A picture as a square: cut out things whole, on white; of full frames the middle."""
  alpha = image.getchannel("A")
  ink = alpha.point(lambda value: 255 * (value > _OPAQUE)).getbbox()
  if alpha.getextrema()[0] == 255 or ink is None:
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    return _on_square(pictures.opaque(image.crop((left, top, left + side, top + side))), _DRAWN)
  return _on_square(pictures.opaque(image.crop(ink)), round(_DRAWN * _INK))


def _on_square(image: Image.Image, longest: int) -> Image.Image:
  scale = longest / max(image.size)
  size = tuple(max(1, round(length * scale)) for length in image.size)
  square = Image.new("RGB", (_DRAWN, _DRAWN), "white")
  square.paste(image.resize(size, Image.Resampling.LANCZOS),
               tuple((_DRAWN - length) // 2 for length in size))
  return square.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)


def written(words: Sequence[recipe_lib.Word]) -> Image.Image:
  """A spatial text: black words at their places, moved where they would overlap or stick out."""
  canvas = Image.new("L", (_DRAWN, _DRAWN), "white")
  draw, taken = ImageDraw.Draw(canvas), []
  for word in words:
    font = _font(_TEXT_BASE + round(_TEXT_SLOPE * word.size))
    left, top, right, bottom = draw.textbbox((0, 0), word.text, font=font)
    box = _free(word.x * _DRAWN, word.y * _DRAWN, right - left, bottom - top, taken)
    taken.append(box)
    draw.text((box[0] - left, box[1] - top), word.text, font=font, fill="black")
  return canvas.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS).convert("RGB")


def _free(x: float, y: float, width: float, height: float, taken: Sequence[_Box]) -> _Box:
  """Box of that size whose centre is nearest to (x, y) above or below and that touches no other."""
  left = min(max(x - width / 2, 1), max(1, _DRAWN - 1 - width))
  lowest = max(1, _DRAWN - 1 - height)
  for shift in sorted(range(-_DRAWN, _DRAWN, 2), key=abs):
    top = y - height / 2 + shift
    box = (left, min(max(top, 1), lowest), left + width, min(max(top, 1), lowest) + height)
    if not any(box[0] < other[2] and other[0] < box[2] and box[1] - _GAP < other[3]
               and other[1] < box[3] + _GAP for other in taken):
      return box
  top = min(max(y - height / 2, 1), lowest)  # no room is left: overlap
  return (left, top, left + width, top + height)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
  return ImageFont.load_default(size)


def file(image: Image.Image, name: str) -> bytes:
  """The picture as a file: JPEG for colour, PNG with 16 colours for lines and words."""
  stream = io.BytesIO()
  if name.endswith(".png"):
    image.convert("L").quantize(16).save(stream, "PNG", optimize=True)
  else:
    image.save(stream, "JPEG", quality=88)
  return stream.getvalue()
