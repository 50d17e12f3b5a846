"""Reads the safetensors format: a JSON header, then the arrays' bytes.

The package of that name does as well, but not for numpy's bfloat16 (0.8.0: KeyError), and its words
for overlaps and holes say neither where nor what is expected; so these lines stay.
"""

import json
import math
import struct
from typing import Any

import ml_dtypes
import numpy as np

from cmx.files import json_files
from cmx.files import kinds

_HEADER_LIMIT = 100_000_000  # bytes; the safetensors format's own limit
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": ml_dtypes.bfloat16, "I64": "<i8",
           "I32": "<i4", "I16": "<i2", "I8": "<i1", "U64": "<u8", "U32": "<u4", "U16": "<u2",
           "U8": "<u1", "BOOL": "?"}


def read(data: bytes | np.ndarray) -> dict[str, np.ndarray]:
  """Arrays {name: [...]} of a safetensors file: bytes, or a uint8 memory map; they are views of it.

  Those of bfloat16 are float32, which has all its values.

  Raises:
    ValueError: if the header, an offset or a size is not what the format says, arrays overlap, or
      some bytes belong to none; with the array.
    kinds.OtherKind: if an array is of another type.
  """
  view = memoryview(data)
  if len(view) < 8:
    raise ValueError(f"safetensors file of {len(view)} bytes; expected 8 or more")
  length = struct.unpack("<Q", view[:8])[0]
  if length > min(_HEADER_LIMIT, len(view) - 8):
    raise ValueError(f"safetensors header of {length} bytes in a file of {len(view)}")
  try:
    header = json.loads(bytes(view[8:8 + length]), object_pairs_hook=json_files.unique)
  except (ValueError, RecursionError) as error:
    raise ValueError(f"safetensors header is not JSON ({error})") from error
  if not isinstance(header, dict):
    raise ValueError("safetensors header is no JSON object")
  body = view[8 + length:]
  entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
  arrays = {name: _tensor(name, entry, body) for name, entry in entries.items()}
  _check_whole({name: entry["data_offsets"] for name, entry in entries.items()}, len(body))
  return arrays


def _check_whole(offsets: dict[str, list[int]], size: int) -> None:
  """Checks that arrays lie one after the other and take all bytes, as the format says."""
  at, before = 0, "the header"
  for (start, end), name in sorted((tuple(place), name) for name, place in offsets.items()):
    if start != at:
      raise ValueError(f"{name} begins at byte {start} where {before} ends at {at}; expected "
                       "arrays one after the other, without overlap and holes")
    at, before = end, name
  if at != size:
    raise ValueError(f"{before} ends at byte {at} of {size}; expected arrays up to the end")


def _tensor(name: str, entry: dict[str, Any], body: memoryview) -> np.ndarray:
  try:
    kind, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    plain = all(type(number) is int and number >= 0 for number in (*shape, start, end))
  except (KeyError, TypeError, ValueError):
    plain = False
  if not plain:
    raise ValueError(f"{name} is described by {entry!r}; expected dtype, shape and data_offsets")
  if kind not in _DTYPES:
    raise kinds.OtherKind(f"{name} has type {kind!r}; expected one of {', '.join(_DTYPES)}: save "
                          "the arrays as F32 or BF16")
  dtype = np.dtype(_DTYPES[kind])
  size = math.prod(shape) * dtype.itemsize
  if not 0 <= start <= end <= len(body) or end - start != size:
    raise ValueError(f"{name} of shape {shape} needs {size} bytes; its offsets are {start}:{end} "
                     f"in {len(body)} bytes of data")
  array = np.frombuffer(body[start:end], dtype).reshape(shape)
  return array.astype(np.float32) if kind == "BF16" else array
