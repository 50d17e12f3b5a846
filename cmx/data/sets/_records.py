"""Records of TFDS in ArrayRecord files as a source; no TensorFlow is needed.

TFDS' own decoding of an example takes 50-75 us, most of it for bookkeeping over its features.
Parsing the record's bytes and taking the fields that are asked for takes 11-50 us, nearly all of it
in ArrayRecord's decompression.
"""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from cmx import data as data_lib


class Record:
  """One record, its fields by name."""

  def __init__(self, raw: bytes):
    self._fields = tf_example_pb2.Example.FromString(raw).features.feature

  def content(self, name: str) -> bytes:
    """Bytes of a field: an encoded picture, say."""
    return self._fields[name].bytes_list.value[0]

  def text(self, name: str) -> str:
    """Text of a field."""
    return self.content(name).decode()

  def integer(self, name: str) -> int:
    """Whole number of a field."""
    return int(self._fields[name].int64_list.value[0])


class Records:
  """One split's records as a source, or those of them that `indices` names; safe in threads.

  Args:
    raw: records by number, see `opened`.
    labels: int32 [N].
    read: from a record to the example's input.
    key: from a record and its number to the example's key.
    indices: numbers of the records, int [N]; all where None.
    fingerprint: short hash of the content as read; "" leaves it to the data set's.
  """

  def __init__(self, raw: Sequence[bytes], labels: np.ndarray, read: Callable[[Record], Any],
               key: Callable[[Record, int], str], indices: np.ndarray | None = None,
               fingerprint: str = ""):
    self.labels, self._raw, self._read, self._key = labels, raw, read, key
    self._indices = np.arange(len(labels)) if indices is None else indices
    if fingerprint:
      self.fingerprint = fingerprint

  def __len__(self) -> int:
    return len(self.labels)

  def __getitem__(self, index: int) -> data_lib.Example:
    record = self.record(index)
    return {"input": self._read(record), "label": int(self.labels[index]),
            "key": self._key(record, int(self._indices[index]))}

  def record(self, index: int) -> Record:
    """The whole record of an example, for what else is kept there."""
    return Record(self._raw[int(self._indices[index])])


def text(record: Record) -> str:
  """The input of a record of a text."""
  return record.text("text")


def key(record: Record, number: int) -> str:
  """The key of an example that its record keeps; its number does not matter."""
  del number
  return record.text("key")


def opened(builder: Any, split: str, count: int) -> Sequence[bytes]:
  """The records of a split of a TFDS builder, by number.

  Raises:
    ValueError: unless there are `count` of them.
  """
  raw = builder.as_data_source(split=split).data_source if count else ()
  if len(raw) != count:
    raise ValueError(f"{len(raw)} records of {builder.name} {split}; expected {count}: remove "
                     f"{builder.data_path} and prepare again")
  return raw


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """TFDS prints and draws bars of its own as it prepares; our line of progress says more."""
  tfds.disable_progress_bar()
  with contextlib.redirect_stdout(io.StringIO()):
    yield
