"""Reads one file of a user's: an image of any common format, a text, a vector or a table of those.

Nothing is trusted: sizes are checked before anything is inflated, nothing is unpickled, and a file
that cannot be used raises `Unusable` with the reason, so that a caller can go on and name them all.
"""

import contextlib
import os
import pathlib
import struct
import tokenize
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np
from PIL import Image
from PIL import ImageOps

SUFFIXES = {
  "pixels": (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm",
             ".pbm", ".tga", ".ico", ".jp2", ".avif"),
  "text": (".txt",),
  "vector": (".npy",),
}
TABLE = ".npz"  # vectors and labels of a whole split

# Formats that are read by Pillow itself; EPS and the like would start other programs.
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "ICO", "JPEG2000",
            "AVIF")
_PIXELS = 80_000_000  # per image; more takes gigabytes when a small file inflates
_TEXT_BYTES = 1_000_000
_WIDTH = 65_536  # entries of a vector
_SUSPICIOUS_BYTES = 1 << 28  # of an inflated array, from which on its ratio is looked at
_SUSPICIOUS_RATIO = 200  # inflated to stored; real features shrink to a tenth at most

# What Pillow, numpy and zipfile raise on damaged files, as found by damaging files.
_DAMAGED = (OSError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, SyntaxError,
            RuntimeError, MemoryError, struct.error, tokenize.TokenError, zipfile.BadZipFile,
            zlib.error)


class Unusable(ValueError):
  """A file that cannot be an example; the message is the reason."""


def kind(path: pathlib.PurePath) -> str | None:
  """Kind of input that a file's suffix stands for, or None."""
  suffix = path.suffix.lower()
  return next((name for name, suffixes in SUFFIXES.items() if suffix in suffixes), None)


def pixels(path: pathlib.Path, size: int) -> np.ndarray:
  """The image as a white-padded square; uint8 [size, size, 3]. See `picture`. Raises `Unusable`."""
  with path.open("rb") as file:
    return np.asarray(picture(file, size))


def picture(file: IO[bytes], size: int) -> Image.Image:
  """The image of an open file as a white-padded square of `size` pixels, in RGB.

  Turned as its EXIF says; transparent parts are white; 16-bit gray and float in [0, 1] are scaled
  to 8 bits; of several frames the first. Raises `Unusable`.
  """
  Image.init()
  formats = [name for name in _FORMATS if name in Image.OPEN]
  try:
    with Image.open(file, formats=formats) as image:
      if image.width * image.height > _PIXELS:
        raise Unusable(f"{image.width} x {image.height} pixels; expected {_PIXELS:,} at most")
      image.draft("RGB", (2 * size, 2 * size))  # large JPEGs decode several times faster
      return square(opaque(ImageOps.exif_transpose(image)), size)
  except Unusable:
    raise
  except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
    raise Unusable(f"more than {_PIXELS:,} pixels") from error
  except _DAMAGED as error:
    if not file.seek(0, os.SEEK_END):
      raise Unusable("empty file") from error
    reason = str(error).replace(repr(file), "it")
    raise Unusable(f"does not decode as an image: {reason}") from error


def opaque(image: Image.Image) -> Image.Image:
  """RGB, on white where the image is transparent."""
  if image.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N", "F"):
    values = np.asarray(image)
    if image.mode == "F":
      if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise Unusable("float image with values outside [0, 1]")
      values = values * 65_535
    levels = (np.clip(values, 0, 65_535) / 257).round().astype(np.uint8)
    return Image.fromarray(levels).convert("RGB")
  if image.has_transparency_data:
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
  return image.convert("RGB")


def square(image: Image.Image, size: int) -> Image.Image:
  """The RGB image, whole, in the middle of a white square of `size` pixels."""
  scale = size / max(image.size)
  width, height = (max(1, round(side * scale)) for side in image.size)
  small = image.resize((width, height), Image.Resampling.BICUBIC)
  canvas = Image.new("RGB", (size, size), "white")
  canvas.paste(small, ((size - width) // 2, (size - height) // 2))
  return canvas


def text(path: pathlib.Path) -> str:
  """The text of a UTF-8 file, without white space around it. Raises `Unusable`."""
  if path.stat().st_size > _TEXT_BYTES:
    raise Unusable(f"{path.stat().st_size:,} bytes of text; expected {_TEXT_BYTES:,} at most")
  try:
    return cleaned(path.read_bytes().decode("utf-8-sig"))
  except UnicodeDecodeError as error:
    raise Unusable(f"text is not UTF-8: {error.reason} at byte {error.start}") from error


def cleaned(words: str) -> str:
  """Text without white space around it. Raises `Unusable` where nothing is left."""
  words = words.strip()
  if not words:
    raise Unusable("empty text")
  return words


def vector(path: pathlib.Path) -> np.ndarray:
  """The vector of a .npy file; float32 [E]. Raises `Unusable`."""
  try:
    with path.open("rb") as file:
      shape, dtype = _header(file)
      if len(shape) != 1:
        raise Unusable(f"array of shape {list(shape)}; expected one vector [E]")
      _check(shape, dtype)
      file.seek(0)
      return finite(np.lib.format.read_array(file, allow_pickle=False))
  except Unusable:
    raise
  except _DAMAGED as error:
    reason = "empty file" if not path.stat().st_size else f"does not read as .npy: {error}"
    raise Unusable(reason) from error


def class_name(name: str) -> str:
  """The name as it is compared: accents can be written in two ways, tables leave spaces behind."""
  return unicodedata.normalize("NFC", name).strip()


def finite(x: np.ndarray) -> np.ndarray:
  """The array [...] as float32. Raises `Unusable` for entries that are not finite in float32."""
  with np.errstate(over="ignore"):
    x = x.astype(np.float32)
  if not np.isfinite(x).all():
    raise Unusable("vector with entries that are not finite numbers (NaN or infinity)")
  return x


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
  version = np.lib.format.read_magic(file)
  read = {(1, 0): np.lib.format.read_array_header_1_0,
          (2, 0): np.lib.format.read_array_header_2_0}.get(version)
  if read is None:
    raise Unusable(f"npy format {version}; expected 1.0 or 2.0")
  shape, _, dtype = read(file)
  return shape, dtype


def _check(shape: tuple[int, ...], dtype: np.dtype) -> None:
  if dtype.kind not in "fiub":
    raise Unusable(f"array of {dtype}; expected numbers")
  if not 1 <= shape[-1] <= _WIDTH:
    raise Unusable(f"vectors of {shape[-1]:,} entries; expected 1 to {_WIDTH:,}")


def table_labels(path: pathlib.Path) -> tuple[list[str], int]:
  """Class name of every row of an .npz table [N], and the width E of its vectors.

  The table holds x [N, E], y (or labels) [N] and, where y are integers, may hold classes [C], their
  names; integers without names are names themselves. x is not read. Raises `Unusable`.
  """
  with _opened(path) as file:
    shape, dtype = _member_header(file, "x")
    if len(shape) != 2:
      raise Unusable(f"x of shape {list(shape)}; expected [N, E]")
    _check(shape, dtype)
    y = _array(file, "y" if "y.npy" in file.namelist() else "labels")
    if y.shape != shape[:1]:
      raise Unusable(f"{shape[0]} rows in x but y of shape {list(y.shape)}; expected [{shape[0]}]")
    classes = _array(file, "classes") if "classes.npy" in file.namelist() else None
  return _names(y, classes), shape[1]


def table(path: pathlib.Path) -> np.ndarray:
  """The vectors of an .npz table; float32 [N, E], finite or not. Raises `Unusable`."""
  with _opened(path) as file:
    with np.errstate(over="ignore"):
      return _array(file, "x").astype(np.float32)


def _names(y: np.ndarray, classes: np.ndarray | None) -> list[str]:
  if y.dtype.kind not in "iuU":
    raise Unusable(f"y of {y.dtype}; expected integers or strings")
  if y.dtype.kind != "U" and classes is not None:
    if classes.dtype.kind != "U" or classes.ndim != 1:
      raise Unusable(f"classes of {classes.dtype} and shape {list(classes.shape)}; "
                     "expected strings [C]")
    wrong = y[(y < 0) | (y >= len(classes))]
    if len(wrong):
      raise Unusable(f"label {wrong[0]} in y; expected 0 to {len(classes) - 1}, "
                     f"the {len(classes)} classes")
    y = classes[y]
  known = {} if classes is None else {str(name) for name in classes}
  names = [class_name(str(name)) for name in y]
  wrong = sorted(set(names) - {class_name(name) for name in known})
  if known and wrong:
    raise Unusable(f"label {wrong[0]!r} in y; expected one of the classes "
                   + ", ".join(sorted(known)))
  if "" in names:
    raise Unusable("y has an empty class name")
  return names


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[zipfile.ZipFile]:
  """An .npz file; what zip and numpy raise where it is damaged becomes `Unusable`."""
  try:
    with zipfile.ZipFile(path) as file:
      yield file
  except Unusable:
    raise
  except _DAMAGED as error:
    raise Unusable(f"does not read as .npz: {error}") from error


def _member_header(file: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
  if f"{name}.npy" not in file.namelist():
    found = ", ".join(member.removesuffix(".npy") for member in file.namelist())
    raise Unusable(f"no {name!r} in the table, which has {found or 'nothing'}; expected x [N, E] "
                   "and y (or labels) [N], and optionally classes [C]")
  info = file.getinfo(f"{name}.npy")
  if (info.file_size > _SUSPICIOUS_BYTES
      and info.file_size > _SUSPICIOUS_RATIO * max(info.compress_size, 1)):
    raise Unusable(f"{name!r} inflates {info.compress_size:,} bytes to {info.file_size:,}; "
                   "expected real data")
  with file.open(info) as member:
    shape, dtype = _header(member)
  if dtype.hasobject:
    raise Unusable(f"{name!r} holds Python objects; expected numbers or fixed-width strings")
  if int(np.prod(shape, dtype=object)) * dtype.itemsize > info.file_size:
    raise Unusable(f"{name!r} of shape {list(shape)} does not fit into its "
                   f"{info.file_size:,} bytes")
  return shape, dtype


def _array(file: zipfile.ZipFile, name: str) -> np.ndarray:
  _member_header(file, name)
  with file.open(f"{name}.npy") as member:
    return np.lib.format.read_array(member, allow_pickle=False)
