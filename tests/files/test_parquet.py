"""Vectors in parquet files."""

import sys

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet as writer

from cmx.files import parquet
from cmx.files import reading


def write(path, **columns):
  writer.write_table(pyarrow.table(columns), path)
  return path


def read(path):
  return parquet.columns(path, "x", ("y", "modality"))


@pytest.mark.parametrize("kind", [pyarrow.list_(pyarrow.float32()),
                                  pyarrow.list_(pyarrow.float64(), 2),
                                  pyarrow.large_list(pyarrow.int64())])
def test_columns_are_vectors_text_and_integers(tmp_path, kind):
  path = write(tmp_path / "a.parquet", x=pyarrow.array([[1, 2], [3, 4], [5, 6]], kind),
               y=[3, 1, 2], modality=pyarrow.array(["a", "b", "a"]).dictionary_encode(),
               other=[None, 1.5, 2.5])
  found = read(path)
  assert set(found) == {"x", "y", "modality"}
  x = found["x"].of(np.array([0, 2]))
  assert x.dtype == np.float32 and x.tolist() == [[1, 2], [5, 6]]
  assert found["y"].tolist() == [3, 1, 2] and found["modality"].tolist() == ["a", "b", "a"]


def test_widths_may_differ_between_modalities_not_within(tmp_path):
  found = read(write(tmp_path / "a.parquet", x=[[1.0, 2.0], [3.0], [4.0, 5.0]]))
  assert found["x"].of(np.array([1])).tolist() == [[3]]
  with pytest.raises(reading.Unusable, match="x of row 1 has 1 numbers, of row 0 2"):
    found["x"].of(np.array([0, 1]))


@pytest.mark.parametrize("columns, words", [
  ({"x": [[1.0], None]}, "column x has 1 empty cells"),
  ({"x": [[1.0, None]]}, "column x has 1 empty numbers"),
  ({"x": [["a"]]}, "column x is of list.*; expected lists of numbers"),
  ({"x": [1.0]}, "column x is of double; expected lists"),
  ({"y": [1.5]}, "column y is of double; expected text or integers"),
  ({"y": [b"a"]}, "column y is of binary")])
def test_columns_of_other_kinds_are_named(tmp_path, columns, words):
  with pytest.raises(reading.Unusable, match=words):
    read(write(tmp_path / "a.parquet", **columns))


def test_a_file_that_is_no_parquet_is_said(tmp_path):
  (tmp_path / "a.parquet").write_bytes(b"PK\x03\x04 no parquet")
  with pytest.raises(reading.Unusable, match="does not read as parquet"):
    read(tmp_path / "a.parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "pyarrow", None)
  with pytest.raises(reading.Unusable, match=r"pip install 'cmx\[parquet\]'"):
    read(tmp_path / "a.parquet")
