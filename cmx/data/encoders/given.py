"""Vectors of the examples themselves, made elsewhere and kept in a file, e.g. skip-thoughts.

The file is one of `matrices`; a row's name is the key of an example (for CMPlaces the path in the
archive, text/abbey/000001.txt) or the SHA-256 of a text's UTF-8, in hexadecimal. Several rows of
one name are the sentences of that text: their mean is its vector.

Source: Kiros et al. 2015, skip-thought vectors, of 4,800 values.
"""

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np

from cmx import data as data_lib
from cmx.data.encoders import matrices
from cmx.files import text as text_lib
from cmx.runtime import progress

NAME, KIND = "vectors", "text"
FORM = ("An .npz with the vectors [N, E] and the examples' keys [N], or an .npy with the keys in a "
        ".txt beside it")
_CHUNK = 256  # rows whose numbers are checked at once


class NoVector(ValueError):
  """A text that a file of vectors has none of."""


def _digest(text: str) -> str:
  """The name by which a text's row is found where its example's key is not: its SHA-256."""
  return hashlib.sha256(text.encode()).hexdigest()


class Given:
  """Source of the vectors of a source of texts; "input" is float32 [E].

  Raises:
    ValueError: if an example has no row, or a row that is not finite.
  """

  def __init__(self, matrix: matrices.Matrix, source: data_lib.Source, what: str):
    self.labels = source.labels
    self._matrix, rows = matrix, _rows(matrix)
    self._keys, self._rows, missing = [], [], []
    with progress.Progress(f"rows of {what}", len(source), "examples") as line:
      for index in range(len(source)):
        example = source[index]
        its = _rows_of(rows, example["key"], example["input"])
        missing += [] if its else [example["key"]]
        self._keys.append(example["key"])
        self._rows.append(its)
        line.update(index + 1)
    if missing:
      raise ValueError(
        f"{matrix.path} has no row for {len(missing)} of {len(source)} examples of {what}, the "
        f"first {missing[0]!r}; its own rows are named as {matrix.names[:1]}. Expected the "
        "example's key, or the SHA-256 of its text")
    _check(matrix, sorted(row for its in self._rows for row in its))

  def __len__(self) -> int:
    return len(self.labels)

  def __getitem__(self, index: int) -> data_lib.Example:
    return {"input": _mean(self._matrix, self._rows[index]), "label": int(self.labels[index]),
            "key": self._keys[index]}


def encode(matrix: matrices.Matrix, inputs: Sequence[str]) -> np.ndarray:
  """Vectors float32 [N, E] of texts that the file has.

  Raises:
    NoVector: if it lacks one: a file makes no vectors of new texts.
  """
  rows, out = _rows(matrix), np.zeros((len(inputs), matrix.vectors.shape[1]), np.float32)
  for row, text in zip(out, inputs):
    if not (its := _rows_of(rows, "", text)):
      raise NoVector(f"{matrix.path} has no row for the text {text[:60]!r}; a file of vectors "
                     "makes none of new texts")
    row[:] = _mean(matrix, its)
  return out


def _rows_of(rows: dict[str, list[int]], key: str, text: str) -> list[int]:
  """Rows of an example; accents in its key or text may be written in either form."""
  names = (key, text_lib.normal(key), unicodedata.normalize("NFD", key), _digest(text),
           _digest(unicodedata.normalize("NFD", text)))
  return next((rows[name] for name in names if name and name in rows), [])


def _rows(matrix: matrices.Matrix) -> dict[str, list[int]]:
  rows: dict[str, list[int]] = {}
  for row, name in enumerate(matrix.names):
    rows.setdefault(name, []).append(row)
  return rows


def _mean(matrix: matrices.Matrix, rows: list[int]) -> np.ndarray:
  with np.errstate(over="ignore"):  # `_check` says which row that was
    return np.asarray(matrix.vectors[rows], np.float32).mean(axis=0)


def _check(matrix: matrices.Matrix, rows: list[int]) -> None:
  for start in range(0, len(rows), _CHUNK):
    part = rows[start:start + _CHUNK]
    with np.errstate(over="ignore"):
      bad = np.flatnonzero(~np.isfinite(matrix.vectors[part].astype(np.float32)).all(axis=1))
    if bad.size:
      row = part[bad[0]]
      raise ValueError(f"{matrix.path} row {row}, {matrix.names[row]!r}, is not finite; expected "
                       "numbers")
