"""Reads the safetensors format: a JSON header, then the arrays' bytes."""

import json
import math
import struct
from typing import Any

import numpy as np

_HEADER_LIMIT = 100_000_000  # bytes; the safetensors format's own limit
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
           "I8": "<i1", "U8": "<u1", "BOOL": "?"}


def read(data: bytes | np.ndarray) -> dict[str, np.ndarray]:
  """Arrays {name: [...]} of a safetensors file: bytes, or a uint8 memory map; they are views of it.

  Raises:
    ValueError: if the header, a type, an offset or a size is not what the format says.
  """
  view = memoryview(data)
  if len(view) < 8:
    raise ValueError(f"safetensors file of {len(view)} bytes; expected 8 or more")
  length = struct.unpack("<Q", view[:8])[0]
  if length > min(_HEADER_LIMIT, len(view) - 8):
    raise ValueError(f"safetensors header of {length} bytes in a file of {len(view)}")
  try:
    header = json.loads(bytes(view[8:8 + length]))
  except (ValueError, RecursionError) as error:
    raise ValueError("safetensors header is not JSON") from error
  if not isinstance(header, dict):
    raise ValueError("safetensors header is no JSON object")
  body = view[8 + length:]
  return {name: _tensor(name, entry, body)
          for name, entry in header.items() if name != "__metadata__"}


def _tensor(name: str, entry: dict[str, Any], body: memoryview) -> np.ndarray:
  try:
    kind, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    plain = all(type(number) is int and number >= 0 for number in (*shape, start, end))
  except (KeyError, TypeError, ValueError):
    plain = False
  if not plain:
    raise ValueError(f"{name} is described by {entry!r}; expected dtype, shape and data_offsets")
  if kind not in _DTYPES:
    raise ValueError(f"{name} has type {kind!r}; expected one of {', '.join(_DTYPES)}")
  dtype = np.dtype(_DTYPES[kind])
  size = math.prod(shape) * dtype.itemsize
  if not 0 <= start <= end <= len(body) or end - start != size:
    raise ValueError(f"{name} of shape {shape} needs {size} bytes; its offsets are {start}:{end} "
                     f"in {len(body)} bytes of data")
  return np.frombuffer(body[start:end], dtype).reshape(shape)
