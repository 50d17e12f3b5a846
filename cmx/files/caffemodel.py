"""Reads Caffe's files without Caffe: weights (.caffemodel) and mean images (.binaryproto).

The numbers below are those of the fields in Caffe's schema, of all three generations of layers.

Source: github.com/BVLC/caffe, src/caffe/proto/caffe.proto.
"""

import math
from typing import NamedTuple

import numpy as np

from cmx.files import protobuf


class _Layer(NamedTuple):
  """Numbers of a layer message's fields."""

  name: int
  blobs: int


_LAYER = _Layer(name=1, blobs=7)  # LayerParameter, NetParameter's field 100
_V1_LAYER = _Layer(name=4, blobs=6)  # V1LayerParameter, NetParameter's field 2
_V0_LAYER = _Layer(name=1, blobs=50)  # V0LayerParameter, V1LayerParameter's field 1
_NET_V1, _NET_LAYER, _V1_V0 = 2, 100, 1
_OLD_SHAPE, _DATA, _SHAPE, _DOUBLES, _DIMENSIONS = (1, 2, 3, 4), 5, 7, 8, 1  # of BlobProto
_PARTS = ("weight", "bias")  # a layer's blobs in turn


def read(data: bytes) -> dict[str, np.ndarray]:
  """Arrays {"conv1.weight": [out, in, h, w], "conv1.bias": [out], "fc6.weight": [out, in], ...}.

  Raises:
    ValueError: if the file is damaged or no Caffe network; the message names the layer.
  """
  arrays: dict[str, np.ndarray] = {}
  for number, value in protobuf.fields(memoryview(data)):
    if number not in (_NET_V1, _NET_LAYER) or isinstance(value, int):
      continue
    fields, kind = list(protobuf.fields(value)), _LAYER if number == _NET_LAYER else _V1_LAYER
    inner = [part for field, part in fields if field == _V1_V0] if kind is _V1_LAYER else []
    if inner:
      fields, kind = list(protobuf.fields(inner[0])), _V0_LAYER
    name = next((bytes(part).decode(errors="replace") for field, part in fields
                 if field == kind.name), "")
    blobs = [part for field, part in fields if field == kind.blobs]
    for index, blob in enumerate(blobs):
      part = _PARTS[index] if index < len(_PARTS) else f"blob{index}"
      if f"{name}.{part}" in arrays:
        raise ValueError(f"{name}.{part} comes twice")
      arrays[f"{name}.{part}"] = _blob(f"{name}.{part}", blob, 1 if part == "bias" else 2)
  if not arrays:
    raise ValueError("no layer with weights in it; expected a trained Caffe network")
  return arrays


def mean_image(data: bytes) -> np.ndarray:
  """Mean image of a .binaryproto, [3, H, W]: blue, green, red, from 0 to 255. Raises ValueError."""
  image = _blob("mean image", memoryview(data), 3)
  if image.ndim != 3 or len(image) != 3:
    raise ValueError(f"mean image of shape {list(image.shape)}; expected [3, H, W]")
  return image


def _blob(name: str, message: memoryview, axes: int) -> np.ndarray:
  """A blob's array; of the old form, whose sizes are always four, the last `axes` or all four."""
  old, shape, floats, doubles = {}, None, [], []
  try:
    for number, value in protobuf.fields(message):
      if number in _OLD_SHAPE:
        old[number] = value
      elif number == _SHAPE:
        shape = [size for field, part in protobuf.fields(value) if field == _DIMENSIONS
                 for size in protobuf.integers(part)]
      elif number == _DATA:
        floats.append(value)
      elif number == _DOUBLES:
        doubles.append(value)
    array = protobuf.numbers(doubles, "<f8") if doubles else protobuf.numbers(floats, "<f4")
  except (ValueError, TypeError, AttributeError) as error:
    raise ValueError(f"{name} is damaged: {error}") from error
  if shape is None:  # sizes that a layer has not are 1, but so is the first where it has one output
    shape = [old.get(number, 1) for number in _OLD_SHAPE]
    if math.prod(shape[:-axes]) == 1:
      shape = shape[-axes:]
  if math.prod(shape) != len(array):
    raise ValueError(f"{name} of shape {shape} has {len(array):,} numbers; expected "
                     f"{math.prod(shape):,}")
  return array.reshape(shape)
