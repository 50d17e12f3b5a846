"""Files of named vectors: a matrix [N, E] with a name for every row.

  x.npz            two arrays of any names: numbers [N, E] and the rows' names [N]
  x.npy, x.txt     numbers [N, E], read as they are needed; beside them a name a line
"""

import hashlib
import pathlib
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from cmx.files import kinds
from cmx.files import reading

SUFFIXES = (".npz", ".npy")
_CHUNK = 1024  # rows hashed at once
_FORM = ("a whole .npz of numbers [N, E] and N names, or an .npy with names in a .txt beside it, "
         "one a line")


class Matrix(NamedTuple):
  """Named vectors.

  Attributes:
    path: file they come from, for messages.
    names: of the rows, N.
    vectors: numbers [N, E]; a memory map where the file is an npy.
  """

  path: pathlib.Path
  names: list[str]
  vectors: np.ndarray


def read(path: pathlib.Path) -> Matrix:
  """The matrix [N, E] of a file.

  Raises:
    ValueError: if it is cut short, or is not a matrix with a name for every row.
  """
  if found := kinds.sentence_at(path, "npz", "npy", "zip", "empty", binary=True):
    raise ValueError(f"{path} {found}. Expected {_FORM}")
  try:
    vectors, names = _npz(path) if path.suffix.lower() == ".npz" else _npy(path)
  except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
    raise ValueError(f"{path} cannot be read: {reading.of_objects(error) or error}. Expected "
                     f"{_FORM}") from error
  if not vectors.size:
    raise ValueError(f"{path} has vectors {list(vectors.shape)}; expected 1 number or more a row")
  if len(names) != len(vectors):
    raise ValueError(f"{path} has {len(vectors)} vectors and {len(names)} names; expected a name "
                     "for each vector")
  return Matrix(path, names, vectors)


def _npz(path: pathlib.Path) -> tuple[np.ndarray, list[str]]:
  with path.open("rb") as stream, np.load(stream) as archive:  # np.load leaves a bad file open
    arrays = {name: archive[name] for name in archive.files}
  vectors = [array for array in arrays.values() if array.ndim == 2 and array.dtype.kind == "f"]
  names = [array for array in arrays.values() if array.ndim == 1 and array.dtype.kind in "US"]
  if len(vectors) != 1 or len(names) != 1:
    what = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in arrays.items())
    raise ValueError(f"its arrays are {what or 'none'}")
  return vectors[0], names[0].astype(str).tolist()


def _npy(path: pathlib.Path) -> tuple[np.ndarray, list[str]]:
  vectors, beside = np.load(path, mmap_mode="r"), path.with_suffix(".txt")
  if vectors.ndim != 2 or vectors.dtype.kind != "f":
    raise ValueError(f"it holds {vectors.dtype} {vectors.shape}")
  if not beside.exists():
    raise ValueError(f"there is no {beside.name}")
  try:
    words = beside.read_bytes().decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise ValueError(f"{beside.name} is not UTF-8: {error.reason} at byte {error.start}; save it "
                     "as UTF-8") from error
  lines = words.removesuffix("\n").split("\n")  # words may hold U+2028
  return vectors, [line.removesuffix("\r") for line in lines]


def fingerprint(matrix: Matrix) -> str:
  """First 16 hexadecimal digits of the SHA-256 of names and vectors [N, E]."""
  digest = hashlib.sha256("\n".join(matrix.names).encode())
  for start in range(0, len(matrix.vectors), _CHUNK):
    digest.update(np.ascontiguousarray(matrix.vectors[start:start + _CHUNK]))
  return digest.hexdigest()[:16]
