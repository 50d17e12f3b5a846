"""Reads protobuf's wire format, for files whose messages are known; needs no generated code."""

from collections.abc import Iterator

import numpy as np

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # wire types: how a field's value is laid out


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
  """(number, value) of a message's fields in turn: integers for varints, else bytes of the message.

  Raises:
    ValueError: if the bytes are not a message, with where.
  """
  at = 0
  while at < len(message):
    tag, after = varint(message, at)
    number, wire = tag >> 3, tag & 7
    if wire == _VARINT:
      value, after = varint(message, after)
      yield number, value
    else:
      if wire not in (_EIGHT, _BYTES, _FOUR) or not number:
        raise ValueError(f"field {number} of wire type {wire} at byte {at}; expected protobuf")
      size = {_EIGHT: 8, _FOUR: 4}.get(wire)
      if size is None:
        size, after = varint(message, after)
      if size > len(message) - after:
        raise ValueError(f"field {number} of {size:,} bytes at byte {at} where "
                         f"{len(message) - after:,} are left: the file is cut off")
      yield number, message[after:after + size]
      after += size
    at = after


def varint(message: memoryview, at: int) -> tuple[int, int]:
  """An integer of seven bits a byte that begins at `at`, and where the next field begins."""
  value = 0
  for index, byte in enumerate(message[at:at + 10]):
    value |= (byte & 127) << 7 * index
    if byte < 128:
      return value, at + index + 1
  raise ValueError(f"no end of a number at byte {at}: the file is cut off or not protobuf")


def integers(value: int | memoryview) -> list[int]:
  """The numbers of a repeated integer field, packed or one."""
  if isinstance(value, int):
    return [value]
  values, at = [], 0
  while at < len(value):
    number, at = varint(value, at)
    values.append(number)
  return values


def numbers(pieces: list[memoryview], dtype: str) -> np.ndarray:
  """The numbers of a repeated float field [N], packed, one by one or in pieces, of numpy's `dtype`.

  Raises:
    ValueError: if their bytes are no whole number of them.
  """
  data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
  if len(data) % np.dtype(dtype).itemsize:
    raise ValueError(f"{len(data):,} bytes; expected numbers of {np.dtype(dtype).itemsize}")
  return np.frombuffer(data, dtype)
