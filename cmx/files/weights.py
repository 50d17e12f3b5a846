"""Files of weights and of what belongs to them, by their names' endings."""

import io
import pathlib
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from cmx.files import caffemodel
from cmx.files import safetensors
from cmx.files import state_dict

Arrays = dict[str, np.ndarray]

_LIMIT = 1 << 32  # bytes that an .npz may inflate to; the networks known here have a quarter of one


def _npz(data: bytes) -> Arrays:
  with zipfile.ZipFile(io.BytesIO(data)) as archive:
    inflated = sum(member.file_size for member in archive.infolist())
    if inflated > _LIMIT:
      raise ValueError(f"inflates to {inflated:,} bytes; expected {_LIMIT:,} at most")
  arrays = {}
  with np.load(io.BytesIO(data), allow_pickle=False) as file:
    for name in file.files:
      try:
        arrays[name] = file[name]
      except (ValueError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{name} is damaged: {error}") from error
  return arrays


READERS: dict[str, Callable[[bytes], Arrays]] = {
  ".caffemodel": caffemodel.read, ".safetensors": safetensors.read, ".npz": _npz,
  ".pth": state_dict.read, ".pt": state_dict.read, ".tar": state_dict.read}


def read(path: pathlib.Path) -> Arrays:
  """Arrays {name: [...]} of a file of weights, as it names and lays them out; nothing in it is run.

  Raises:
    FileNotFoundError: if there is none.
    ValueError: if the ending is not known, or the file is damaged; file and array are named.
  """
  if path.suffix not in READERS:
    raise ValueError(f"{path}: ending {path.suffix!r}; expected one of {', '.join(READERS)}")
  return _whole(path, READERS[path.suffix])


def means(text: str) -> np.ndarray:
  """What Caffe subtracted from images: [3], blue, green, red, from 0 to 255.

  Args:
    text: a mean image, .binaryproto or .npy [3, H, W], of which the mean over its pixels is taken,
      as is usual where images are not cropped out of larger ones; .npy [3]; or "104,117,123".

  Raises:
    FileNotFoundError: if it names a file that does not exist.
    ValueError: if it is none of these, or a mean is not from 0 to 255.
  """
  path = pathlib.Path(text)
  if path.suffix == ".binaryproto":
    found = _whole(path, caffemodel.mean_image)
  elif path.suffix == ".npy":
    found = _whole(path, lambda data: np.load(io.BytesIO(data), allow_pickle=False))
  else:
    try:
      found = np.array([float(part) for part in text.split(",")])
    except ValueError as error:
      raise ValueError(f"weights.mean {text!r}; expected a .binaryproto, an .npy, or three numbers "
                       "such as 104,117,123") from error
  found = np.asarray(found, np.float64)
  if found.ndim == 3 and len(found) == 3:
    found = found.mean((1, 2))
  if found.shape != (3,) or not ((found >= 0) & (found <= 255)).all():
    raise ValueError(f"weights.mean {text!r} is of shape {list(found.shape)}, from {found.min():g} "
                     f"to {found.max():g}; expected [3] or [3, H, W] from 0 to 255")
  return found


def _whole(path: pathlib.Path, reader: Callable[[bytes], Any]) -> Any:
  try:
    return reader(path.read_bytes())
  except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
    raise ValueError(f"{path}: {error}. Fetch the file again, or compare its size and checksum "
                     "with its source's") from error
