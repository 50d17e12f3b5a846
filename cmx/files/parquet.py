"""Reads tables of vectors in parquet files, where pyarrow is installed."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx.files import reading


class Vectors(NamedTuple):
  """A column of lists of numbers: all of them in a row, and where each list begins.

  Attributes:
    values: float32 [total].
    start: int [N + 1]; list i is values[start[i]:start[i + 1]].
  """

  values: np.ndarray
  start: np.ndarray

  def of(self, rows: np.ndarray) -> np.ndarray:
    """The lists of these rows, float32 [n, D].

    Raises:
      Unusable: if they differ in length; the row is named.
    """
    lengths = np.diff(self.start)[rows]
    other = np.flatnonzero(lengths != lengths[0])
    if other.size:
      raise reading.Unusable(
        f"x of row {rows[other[0]]} has {lengths[other[0]]} numbers, of row {rows[0]} "
        f"{lengths[0]}; expected one width within a modality")
    return self.values[self.start[rows][:, None] + np.arange(lengths[0])]


def columns(path: pathlib.Path, vectors: str, others: Sequence[str]) -> dict[str, Any]:
  """Columns of a parquet file, as far as it has them.

  Args:
    path: of the file.
    vectors: name of a column of lists of numbers.
    others: names of columns of text or integers.

  Returns:
    {vectors: Vectors, other: array of str or int [N]}.

  Raises:
    Unusable: if pyarrow is not installed, the file is damaged, or a column is of another kind or
      has empty cells.
  """
  try:
    import pyarrow  # an extra: not everybody has it
    from pyarrow import parquet
  except ImportError as error:
    raise reading.Unusable("parquet files need pyarrow: pip install 'cmx[parquet]', or write "
                           ".npz") from error
  try:
    file = parquet.ParquetFile(path)
    there = [name for name in file.schema_arrow.names if name in (vectors, *others)]
    table = file.read(columns=there)
  except (pyarrow.ArrowException, OSError) as error:
    raise reading.Unusable(f"does not read as parquet: {error}") from error
  found = {}
  for name in there:
    column = table.column(name).combine_chunks()
    if column.null_count:
      raise reading.Unusable(f"column {name} has {column.null_count:,} empty cells; expected none")
    found[name] = _vectors(column, name) if name == vectors else _plain(column, name)
  return found


def _vectors(column: Any, name: str) -> Vectors:
  from pyarrow import types
  kind = column.type
  lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
  if not lists or not (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)):
    raise reading.Unusable(f"column {name} is of {kind}; expected lists of numbers")
  values = column.flatten()
  if values.null_count:
    raise reading.Unusable(f"column {name} has {values.null_count:,} empty numbers; expected none")
  lengths = column.value_lengths().to_numpy(zero_copy_only=False)
  return Vectors(values.to_numpy(zero_copy_only=False).astype(np.float32),
                 np.concatenate([[0], np.cumsum(lengths)]))


def _plain(column: Any, name: str) -> np.ndarray:
  from pyarrow import types
  if types.is_dictionary(column.type):
    column = column.dictionary_decode()
  if types.is_integer(column.type):
    return column.to_numpy(zero_copy_only=False)
  if types.is_string(column.type) or types.is_large_string(column.type):
    return np.array(column.to_pylist(), np.str_)
  raise reading.Unusable(f"column {name} is of {column.type}; expected text or integers")
