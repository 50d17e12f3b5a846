"""Reads one file of a user's: a text, a vector or a table of those; images are in `pictures`.

Nothing is trusted: sizes are checked before anything is inflated, nothing is unpickled, and a file
that cannot be used raises `Unusable` with the reason, so that a caller can go on and name them all.
"""

import contextlib
import functools
import pathlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

from cmx.files import kinds
from cmx.files import text as text_lib

SUFFIXES = {
  "pixels": (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm",
             ".pbm", ".tga", ".ico", ".jp2", ".avif"),
  "text": (".txt",),
  "vector": (".npy",),
}
TABLE = ".npz"  # vectors and labels of a whole split

# Other names of these, which messages need not list.
_ALSO = {"pixels": (".jfif", ".jpe", ".jif", ".jfi", ".pjpeg", ".pjp", ".mpo", ".apng", ".dib",
                    ".pnm", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc")}
_TEXT_BYTES = 1_000_000
_NO_TEXT = ("html", "lfs", "annex", "rtf")  # what decodes, and is no text of an example
_KEPT = 1 << 16  # names of classes that are not looked at again
_WIDTH = 65_536  # entries of a vector
_SUSPICIOUS_BYTES = 1 << 28  # of an inflated array, from which on its ratio is looked at
_SUSPICIOUS_RATIO = 200  # inflated to stored; real features shrink to a tenth at most

# What Pillow, numpy and zipfile raise on damaged files, as found by damaging files.
DAMAGED = (OSError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, SyntaxError,
            RuntimeError, MemoryError, struct.error, tokenize.TokenError, zipfile.BadZipFile,
            zlib.error)


class Unusable(ValueError):
  """A file that cannot be an example; the message is the reason."""


def of_objects(error: Exception) -> str:
  """What to do where numpy refuses an array of Python objects; "" of its other errors."""
  return ("an array of Python objects; expected numbers, or strings of numpy's own: save names as "
          "array.astype(str), and each array by itself" if "Object arrays" in f"{error}" else "")


def kind(path: pathlib.PurePath) -> str | None:
  """Kind of input that a file's suffix stands for, or None."""
  suffix = path.suffix.lower()
  return next((name for name, suffixes in SUFFIXES.items()
               if suffix in suffixes + _ALSO.get(name, ())), None)


def text(path: pathlib.Path) -> str:
  """The text of a UTF-8 file, without white space around it. Raises `Unusable`."""
  if path.stat().st_size > _TEXT_BYTES:
    raise Unusable(_too_long(path.stat().st_size))
  content = path.read_bytes()
  kind = kinds.of(content[:kinds.HEAD])
  if kind is not None and (kind.name in _NO_TEXT or b"\0" in content):
    raise Unusable(f"no plain text: it is {kind.what}: {kind.advice}")
  try:
    return cleaned(content.decode("utf-8-sig"))
  except UnicodeDecodeError as error:
    other = f"it is {kind.what}: {kind.advice}" if kind else "save it as UTF-8"
    raise Unusable(
      f"text is not UTF-8: {error.reason} at byte {error.start}; {other}") from error


def cleaned(words: str) -> str:
  """Text without white space around it, in one form of its letters.

  Raises:
    Unusable: where nothing that can be seen is left, where it is too long, or no valid Unicode.
  """
  words = text_lib.normal(words.strip().strip("\0\ufeff").strip())
  if (at := text_lib.lone_surrogate(words)) is not None:
    raise Unusable(f"text with {ascii(words[at])[1:-1]} at character {at + 1}, half of a pair; "
                   "expected valid Unicode")
  if len(words) > _TEXT_BYTES or len(words.encode()) > _TEXT_BYTES:
    raise Unusable(_too_long(len(words.encode())))
  if not text_lib.has_look(words):
    raise Unusable("empty text" + (": blanks, NULs or signs without a look alone" if words else ""))
  return words


def _too_long(count: int) -> str:
  return f"{count:,} bytes of text; expected {_TEXT_BYTES:,} at most"


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
  except DAMAGED as error:
    other = kinds.sentence_at(path, "npy", "empty", binary=True)
    reason = f"it {other}" if other else of_objects(error) or f"{error}"
    raise Unusable("empty file" if not path.stat().st_size
                   else f"does not read as .npy: {reason}") from error


@functools.lru_cache(_KEPT)  # tables have a few in many rows
def class_name(name: str) -> str:
  """The name as it is compared: accents can be written in two ways, tables leave spaces behind.

  Raises:
    Unusable: if it cannot be one: nothing, of several lines, no valid Unicode, too long.
  """
  name = text_lib.normal(name).strip().strip("\0\ufeff\u200b").strip()
  if why := text_lib.why_no_name(name):
    raise Unusable(why)
  return name


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
    y = _labels(file)
    if y.shape != shape[:1]:
      raise Unusable(f"{shape[0]} rows in x but y of shape {list(y.shape)}; expected [{shape[0]}]")
    classes = _array(file, "classes") if "classes.npy" in file.namelist() else None
  return names(y, classes), shape[1]


def _labels(file: zipfile.ZipFile) -> np.ndarray:
  """y, or labels where there is no y [N]; both only if they say the same."""
  given = [name for name in ("y", "labels") if f"{name}.npy" in file.namelist()] or ["labels"]
  arrays = [_array(file, name) for name in given]
  if len(arrays) == 2 and not np.array_equal(*arrays):
    raise Unusable("y and labels, which differ; expected one of them (integers may have their "
                   "names in classes)")
  return arrays[0]


def table(path: pathlib.Path) -> np.ndarray:
  """The vectors of an .npz table; float32 [N, E], finite or not. Raises `Unusable`."""
  with _opened(path) as file:
    with np.errstate(over="ignore"):
      return _array(file, "x").astype(np.float32)


def arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The arrays of an .npz file [any] by name; none of them is of objects. Raises `Unusable`."""
  with _opened(path) as file:
    return {name.removesuffix(".npy"): _array(file, name.removesuffix(".npy"))
            for name in file.namelist()}


def names(y: np.ndarray, classes: np.ndarray | None) -> list[str]:
  """Class names [N] of labels y [N], which are names, or places in `classes` [C]; else their own.

  Raises:
    Unusable: if they are of another kind, or a label is none of the classes.
  """
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
  known = [] if classes is None else [class_name(str(name)) for name in classes.ravel()]
  written = {name: class_name(name) for name in set(map(str, y))}
  found = [written[str(name)] for name in y]
  twice = next((name for name in known if known.count(name) > 1), None)
  if twice:
    raise Unusable(f"class {twice!r} is there twice in classes; expected each name once")
  wrong = sorted(set(found) - set(known))
  if known and wrong:
    raise Unusable(f"label {wrong[0]!r} in y; expected one of the classes "
                   + ", ".join(sorted(known)))
  return found


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[zipfile.ZipFile]:
  """An .npz file; what zip and numpy raise where it is damaged becomes `Unusable`."""
  try:
    with zipfile.ZipFile(path) as file:
      members = file.namelist()
      if len(members) != len(set(members)):
        raise Unusable("an array that is there twice; expected each name once")
      yield file
  except Unusable:
    raise
  except DAMAGED as error:
    other = kinds.sentence_at(path, "npz", "zip", binary=True)
    reason = f"it {other}" if other else of_objects(error) or f"{error}"
    raise Unusable(f"does not read as .npz: {reason}") from error


def _member_header(file: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype]:
  if f"{name}.npy" not in file.namelist():
    arrays = ", ".join(member.removesuffix(".npy") for member in file.namelist())
    raise Unusable(f"no {name!r} in the table, which has {arrays or 'nothing'}; expected x [N, E] "
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
