"""Pictures as the set has them: on a white square of 160 pixels, cut out ones with a margin."""

import functools
import gzip
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from cmx.everyday import recipe as recipe_lib

SIDE = 160  # pixels of the stored picture
_DRAWN = 256  # pixels of the picture before it is reduced
_INK = 0.9  # share of the side that a cut out thing fills
_OPAQUE = 8  # alpha above which a pixel belongs to the thing, of 255
_LARGEST = 50_000_000  # pixels of a package's picture
_TEXT_BASE, _TEXT_SLOPE = 14, 29  # font size in pixels at 256 = base + slope x the word's size
_DPI = 96  # without it resvg refuses files measured in points
_HINT = "drawing SVG needs resvg-py: pip install 'cmx[everyday]' (or resvg-py==0.5.0)"


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
  drawn = renderer().svg_to_bytes(svg_string=content.decode("utf-8", "replace"), width=_DRAWN, dpi=_DPI,
                                  skip_system_fonts=True)
  return raster(bytes(drawn))


def raster(content: bytes) -> Image.Image:
  """Opens a picture file as RGBA. Raises ValueError if it is too large."""
  with Image.open(io.BytesIO(content)) as image:
    if image.width * image.height > _LARGEST:
      raise ValueError(f"picture of {image.width} x {image.height} pixels; limit {_LARGEST} in all")
    return image.convert("RGBA")


def framed(image: Image.Image) -> Image.Image:
  """A picture on the white square: cut out things cropped to their ink, whole frames as they are."""
  alpha = image.getchannel("A")
  ink = alpha.point(lambda value: 255 * (value > _OPAQUE)).getbbox()
  if alpha.getextrema()[0] == 255 or ink is None:
    return _on_square(_on_white(image), _DRAWN)
  return _on_square(_on_white(image.crop(ink)), round(_DRAWN * _INK))


def _on_white(image: Image.Image) -> Image.Image:
  white = Image.new("RGBA", image.size, "white")
  return Image.alpha_composite(white, image).convert("RGB")


def _on_square(image: Image.Image, longest: int) -> Image.Image:
  scale = longest / max(image.size)
  size = tuple(max(1, round(length * scale)) for length in image.size)
  square = Image.new("RGB", (_DRAWN, _DRAWN), "white")
  square.paste(image.resize(size, Image.Resampling.LANCZOS),
               tuple((_DRAWN - length) // 2 for length in size))
  return square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def written(words: Sequence[recipe_lib.Word]) -> Image.Image:
  """A spatial text: black words centred at their places, moved inside where they would stick out."""
  canvas = Image.new("L", (_DRAWN, _DRAWN), "white")
  draw = ImageDraw.Draw(canvas)
  for word in words:
    font = _font(_TEXT_BASE + round(_TEXT_SLOPE * word.size))
    left, top, right, bottom = draw.textbbox((0, 0), word.text, font=font)
    x = np.clip(word.x * _DRAWN - (right - left) / 2, 1, max(1, _DRAWN - 1 - (right - left)))
    y = np.clip(word.y * _DRAWN - (bottom - top) / 2, 1, max(1, _DRAWN - 1 - (bottom - top)))
    draw.text((float(x) - left, float(y) - top), word.text, font=font, fill="black")
  return canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS).convert("RGB")


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
