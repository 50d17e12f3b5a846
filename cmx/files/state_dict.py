"""Reads torch state dicts, old style or zipped, without torch and without running their content.

A state dict is a pickle, and a pickle is a program; the reader here runs it with an allow-list of
names that can only make arrays: ordered dicts, two functions of this file, and storage types, which
are answered by strings. This is the one file of the project that imports pickle.
"""

import collections
import io
import math
import pickle
import struct
import zipfile
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from cmx.files import kinds

_MAGIC = 0x1950A86A20F9469CFC6C  # first object of a torch file written before the zip format
_STORAGES = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2",
             "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2",
             "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "?",
             "BFloat16Storage": "bfloat16"}
_LIMIT = 1 << 32  # bytes of an array, which may be larger than its storage where it repeats it
_USUAL = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights",
          "params")  # names of a state dict within a checkpoint
_SHOWN = 8  # names of a file's parts in a message
_ALONE = "Save the state dict alone: torch.save(model.state_dict(), file)"


def read(data: bytes) -> dict[str, np.ndarray]:
  """Arrays {name: [...]} of a torch state dict, old style or zipped. Nothing in the file is run.

  Of a checkpoint that holds one among other things, as "state_dict" or "model", that is read.
  Arrays of bfloat16 are float32, which has all its values.

  Raises:
    ValueError: if the file is damaged, or its sizes do not add up.
    kinds.OtherKind: if it asks for anything but arrays, or holds no state dict, or several.
  """
  if data[:2] == b"PK":
    return _zipped(data)
  stream = io.BytesIO(data)
  if _unpickle(stream, {}) != _MAGIC:
    raise kinds.OtherKind("is a pickle, but none of torch.save: the magic number is missing. "
                          + _ALONE)
  _unpickle(stream, {})  # protocol version
  _unpickle(stream, {})  # sizes of C types on the machine that wrote it
  storages: dict[str, _Storage] = {}
  tree = _unpickle(stream, storages)
  for key in _unpickle(stream, {}):
    if key not in storages:
      raise ValueError(f"storage {key!r} belongs to no array")
    storages[key].fill(stream)
  return _arrays(tree)


def _zipped(data: bytes) -> dict[str, np.ndarray]:
  with zipfile.ZipFile(io.BytesIO(data)) as archive:
    program = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if any("/code/__torch__" in name for name in archive.namelist()):
      raise kinds.OtherKind(f"is a TorchScript program; only arrays are read, nothing is run. "
                            f"{_ALONE}")
    if len(program) != 1:
      raise ValueError(f"zip holds {len(program)} data.pkl; expected a torch state dict with one")
    storages: dict[str, _Storage] = {}
    tree = _unpickle(io.BytesIO(archive.read(program[0])), storages)
    for key, storage in storages.items():
      member = f"{program[0][:-len('data.pkl')]}data/{key}"
      if member not in archive.namelist():
        raise ValueError(f"storage {member} is missing")
      storage.data = archive.read(member)
  return _arrays(tree)


class _Storage:
  """A flat run of numbers that arrays are cut out of; filled after the pickle is read."""

  def __init__(self, dtype: str, count: int):
    self.dtype = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    self.count, self.data = count, b""

  def fill(self, stream: BinaryIO) -> None:
    count = struct.unpack("<q", stream.read(8))[0]
    if count != self.count:
      raise ValueError(f"storage of {count} numbers; its arrays say {self.count}")
    self.data = stream.read(count * self.dtype.itemsize)


class _Array(collections.namedtuple("_Array", "storage offset shape stride")):
  """Where an array lies in its storage."""

  def read(self) -> np.ndarray:
    storage = self.storage
    if len(storage.data) != storage.count * storage.dtype.itemsize:
      raise ValueError(f"storage has {len(storage.data)} bytes; expected {storage.count} numbers "
                       f"of {storage.dtype.itemsize}")
    flat = np.frombuffer(storage.data, storage.dtype)
    size = math.prod(self.shape)  # larger than its storage where a stride is 0, as torch expands
    steps = zip(self.shape, self.stride, strict=True)
    last = self.offset + sum((n - 1) * step for n, step in steps)
    if (size * storage.dtype.itemsize > _LIMIT or self.offset < 0 or min(self.stride, default=0) < 0
        or min(self.shape, default=0) < 0 or (size and last >= storage.count)):
      raise ValueError(f"array of shape {self.shape} does not fit its storage of {storage.count}")
    strides = tuple(step * storage.dtype.itemsize for step in self.stride)
    array = np.lib.stride_tricks.as_strided(flat[self.offset:], self.shape, strides)
    return array.astype(np.float32) if storage.dtype == ml_dtypes.bfloat16 else array.copy()


def _rebuild(storage: Any, offset: int, shape: tuple, stride: tuple, *_: Any) -> _Array:
  if not isinstance(storage, _Storage):
    raise ValueError("an array of the state dict has no storage")
  return _Array(storage, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _parameter(array: Any, *_: Any) -> Any:
  return array


class _Reader(pickle.Unpickler):
  """Knows the names on the list; any other name is an error before anything is called."""

  def __init__(self, stream: BinaryIO, storages: dict[str, _Storage]):
    super().__init__(stream, encoding="latin-1")  # of Python 2's strings, which may be any bytes
    self._storages = storages

  def find_class(self, module: str, name: str) -> Any:
    if (module, name) == ("collections", "OrderedDict"):
      return collections.OrderedDict
    if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
      return _rebuild
    if (module, name) == ("torch._utils", "_rebuild_parameter"):
      return _parameter
    if module in ("torch", "torch.cuda") and name in _STORAGES:
      return _STORAGES[name]  # a string: cannot be called
    raise kinds.OtherKind(f"weight file asks for {module}.{name}; only arrays are read, nothing is "
                          f"run. {_ALONE}")

  def persistent_load(self, pid: Any) -> _Storage:
    kind, dtype, key, _, count = pid[:5]
    if kind != "storage" or dtype not in _STORAGES.values():
      raise ValueError(f"weight file refers to {kind!r}; expected a storage of numbers")
    if any(part is not None for part in pid[5:]):
      raise ValueError(f"storage {key!r} is a part of another one; expected whole ones")
    return self._storages.setdefault(str(key), _Storage(dtype, int(count)))


def _unpickle(stream: BinaryIO, storages: dict[str, _Storage]) -> Any:
  try:
    return _Reader(stream, storages).load()
  except (pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError) as error:
    raise ValueError(f"weight file is damaged or no state dict: {error}") from error


def _arrays(tree: Any) -> dict[str, np.ndarray]:
  if not isinstance(tree, dict):
    raise kinds.OtherKind(f"weight file holds {type(tree).__name__} instead of a dict of arrays. "
                          f"{_ALONE}")
  if not _is_state_dict(tree):
    inner = {name: value for name, value in tree.items() if _is_state_dict(value)}
    name = next((name for name in (*_USUAL, *inner) if name in inner), None)
    if name is None or name not in _USUAL and len(inner) > 1:
      what = {name: type(value).__name__.lstrip("_").lower() for name, value in tree.items()}
      listed = ", ".join(f"{name!r}: {kind}" for name, kind in list(what.items())[:_SHOWN])
      raise kinds.OtherKind(f"weight file holds {listed or 'an empty dict'}; expected one dict of "
                            f"arrays, by itself or as one of {', '.join(_USUAL)}. {_ALONE}")
    tree = inner[name]  # of a checkpoint, which also holds how far its training was
  return {str(name): array.read() for name, array in tree.items()}


def _is_state_dict(tree: Any) -> bool:
  return (isinstance(tree, dict) and bool(tree)
          and all(isinstance(value, _Array) for value in tree.values()))
