"""Pictures of a user's: any common format and mode as a square of RGB, and what is doubtful of one.

Sizes are checked before anything is inflated. What stands beside the picture in its file (EXIF,
comments, colour profiles) never costs the picture: where it is damaged or too large it is left out.
"""

import io
import pathlib
import struct
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np
import PIL
from PIL import Image

from cmx.files import kinds
from cmx.files import reading

# Formats that are read by Pillow itself; EPS and the like would start other programs.
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA", "ICO",
            "JPEG2000", "AVIF")
_KINDS = ("png", "jpeg", "webp", "gif", "bmp", "tiff", "jpeg2000", "avif")  # of those in `kinds`
_PIXELS = 80_000_000  # per image; more takes gigabytes when a small file inflates
_WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # modes of more than 8 bits
_LEVELS = 65_535  # of 16 bits
_ORIENTATION = 0x0112
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
          4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
          6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}
_PNG = b"\x89PNG\r\n\x1a\n"
_NEEDED = (b"tRNS", b"eXIf")  # of the chunks that a PNG can do without
_MARKERS = {0xE0, 0xE1, 0xEE}  # of a JPEG's: JFIF, EXIF, and Adobe's, which says how inks are meant


def pixels(path: pathlib.Path, size: int) -> np.ndarray:
  """The image as a white-padded square; uint8 [size, size, 3]. Raises `reading.Unusable`."""
  with path.open("rb") as file:
    return np.asarray(picture(file, size))


def picture(file: IO[bytes], size: int) -> Image.Image:
  """The image of an open file as a white-padded square of `size` pixels, in RGB.

  Turned as its EXIF says; transparent parts are white; 16-bit gray and float in [0, 1] are scaled
  to 8 bits; of several frames the first. Raises `reading.Unusable`.
  """
  try:
    return _decoded(file, size)
  except reading.Unusable:
    raise
  except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
    raise reading.Unusable(f"more than {_PIXELS:,} pixels") from error
  except reading.DAMAGED as error:
    again = _without_remarks(file)
    if again is not None:
      try:
        return _decoded(again, size)
      except (reading.Unusable, *reading.DAMAGED):
        pass  # the damage is in the picture: the first error says where
    raise _refused(file, error) from error


def _decoded(file: IO[bytes], size: int) -> Image.Image:
  Image.init()
  with Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN]) as image:
    if image.width * image.height > _PIXELS:
      raise reading.Unusable(f"{image.width} x {image.height} pixels; expected {_PIXELS:,} at most")
    image.draft("RGB", (2 * size, 2 * size))  # large JPEGs decode several times faster
    return square(opaque(upright(image)), size)


def _refused(file: IO[bytes], error: Exception) -> reading.Unusable:
  file.seek(0)
  head = file.read(kinds.HEAD)
  if not head:
    return reading.Unusable("empty file")
  other = kinds.sentence(head, *_KINDS, binary=True)
  if other:
    return reading.Unusable(f"does not decode as an image: it {other}")
  reason = (f"no format that is known begins with {head[:8]!r}" if
            isinstance(error, PIL.UnidentifiedImageError) else str(error))
  return reading.Unusable(f"does not decode as an image: {reason}")


def upright(image: Image.Image) -> Image.Image:
  """The image turned as its EXIF says; as it is where the EXIF does not read."""
  image.load()  # a TIFF is turned by that, and its EXIF says so only then
  try:
    turn = _TURNS.get(image.getexif().get(_ORIENTATION))
  except (*reading.DAMAGED, Warning):
    turn = None
  return image if turn is None else image.transpose(turn)


def opaque(image: Image.Image) -> Image.Image:
  """RGB, on white where the image is transparent."""
  if image.mode in _WIDE:
    levels = (_levels(image) / 257).round().astype(np.uint8)
    return Image.fromarray(levels).convert("RGB")
  if image.has_transparency_data:
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
  try:
    return image.convert("RGB")
  except ValueError as error:
    raise reading.Unusable(f"an image of mode {image.mode}; expected gray, RGB, CMYK or a palette: "
                           "convert it to PNG") from error


def _levels(image: Image.Image) -> np.ndarray:
  """Values of a gray image of more than 8 bits, 0 to 65,535 [H, W]."""
  values = np.asarray(image)
  if image.mode != "F":
    if values.size and not 0 <= values.min() <= values.max() <= _LEVELS:
      raise reading.Unusable(f"integers of {values.min():,} to {values.max():,} in an image of "
                             f"{8 * values.itemsize} bits; expected 0 to {_LEVELS:,}: scale them, "
                             "and save it as PNG of 8 or 16 bits")
    return values
  if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
    raise reading.Unusable("float image with values outside [0, 1]")
  return values * _LEVELS


def square(image: Image.Image, size: int) -> Image.Image:
  """The RGB image, whole, in the middle of a white square of `size` pixels."""
  scale = size / max(image.size)
  width, height = (max(1, round(side * scale)) for side in image.size)
  small = image.resize((width, height), Image.Resampling.BICUBIC)
  canvas = Image.new("RGB", (size, size), "white")
  canvas.paste(small, ((size - width) // 2, (size - height) // 2))
  return canvas


def doubt(path: pathlib.Path) -> str:
  """What is odd in a readable image of more than 8 bits: its range, where it comes out too dark.

  Cameras and scanners keep 10, 12 or 14 bits in 16, and label maps a few integers.
  """
  try:
    with Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN]) as image:
      if image.mode not in _WIDE or image.mode == "F":
        return ""
      highest = int(np.asarray(image).max())
  except (Image.DecompressionBombError, Warning, *reading.DAMAGED):
    return ""
  bits = max(highest.bit_length(), 1)
  return f"{bits} bits in 16" if 0 < highest and bits <= 14 else ""


def _without_remarks(file: IO[bytes]) -> IO[bytes] | None:
  """A PNG, JPEG or WebP without what stands beside the picture; None for other formats."""
  file.seek(0)
  content = file.read()
  try:
    if content.startswith(_PNG):
      return io.BytesIO(_PNG + b"".join(_png_chunks(content)))
    if content.startswith(b"\xff\xd8"):
      return io.BytesIO(b"\xff\xd8" + b"".join(_jpeg_segments(content)))
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
      body = b"".join(_webp_chunks(content))
      return io.BytesIO(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)
  except (struct.error, IndexError):
    pass  # cut short between two parts
  return None


def _png_chunks(content: bytes) -> Iterator[bytes]:
  at = len(_PNG)
  while at < len(content):
    length, = struct.unpack_from(">I", content, at)
    name, end = content[at + 4:at + 8], at + 12 + length
    whole = zlib.crc32(content[at + 4:end - 4]) == struct.unpack_from(">I", content, end - 4)[0]
    if not name[0] & 0x20 or (name in _NEEDED and whole):  # an upper-case letter: critical
      yield content[at:end]
    at = end


def _jpeg_segments(content: bytes) -> Iterator[bytes]:
  at = 2
  while content[at] == 0xFF and content[at + 1] != 0xDA:  # the scan; what follows is the picture
    marker = content[at + 1]
    end = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
    if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or marker in _MARKERS:
      yield content[at:end]
    at = end
  yield content[at:]


def _webp_chunks(content: bytes) -> Iterator[bytes]:
  at = 12
  while at + 8 <= len(content):
    end = at + 8 + struct.unpack_from("<I", content, at + 4)[0]
    end += end % 2
    if content[at:at + 4] == b"VP8X":  # says which of them there are
      yield content[at:at + 8] + bytes([content[at + 8] & 0b00010010]) + content[at + 9:end]
    elif content[at:at + 4] not in (b"EXIF", b"XMP ", b"ICCP"):
      yield content[at:end]
    at = end
