"""Files of weights and of what belongs to them, by their names' endings."""

import io
import pathlib
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from cmx.files import caffemodel
from cmx.files import kinds
from cmx.files import reading
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
        if reason := reading.of_objects(error):
          raise kinds.OtherKind(f"{name} is {reason}") from error
        raise ValueError(f"{name} is damaged: {error}") from error
  return arrays


def _npy(data: bytes) -> np.ndarray:
  try:
    return np.load(io.BytesIO(data), allow_pickle=False)
  except ValueError as error:
    if reason := reading.of_objects(error):
      raise kinds.OtherKind(f"is {reason}") from error
    raise


READERS: dict[str, Callable[[bytes], Arrays]] = {
  ".caffemodel": caffemodel.read, ".safetensors": safetensors.read, ".npz": _npz,
  ".pth": state_dict.read, ".pt": state_dict.read, ".tar": state_dict.read}


# What files of an ending are by their first bytes; what is not listed has none that are known.
_KINDS = {".caffemodel": (), ".safetensors": ("safetensors",), ".npz": ("npz", "zip"),
          **dict.fromkeys((".pth", ".pt", ".tar"), ("torch", "zip", "pickle", "torchscript"))}


def read(path: pathlib.Path) -> Arrays:
  """Arrays {name: [...]} of a file of weights, as it names and lays them out; nothing in it is run.

  Raises:
    FileNotFoundError: if there is none.
    ValueError: if the ending is not known, or the file is damaged; file and array are named.
  """
  suffix = path.suffix.lower()
  if path.is_dir():
    raise ValueError(f"{path} is a folder; expected a file of weights, one of "
                     f"{', '.join(READERS)}")
  if suffix not in READERS:
    said = kinds.sentence_at(path)
    raise ValueError(f"{path}: ending {path.suffix!r}; expected one of {', '.join(READERS)}"
                     + (f". It {said}" if said else ""))
  return _whole(path, READERS[suffix], *_KINDS[suffix])


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
  if path.suffix.lower() == ".binaryproto":
    mean = _whole(path, caffemodel.mean_image)
  elif path.suffix.lower() == ".npy":
    mean = _whole(path, _npy, "npy")
  else:
    try:
      mean = np.array([float(part) for part in text.split(",")])
    except ValueError as error:
      raise ValueError(f"weights.mean {text!r}; expected a .binaryproto, an .npy, or three numbers "
                       "such as 104,117,123") from error
  mean = np.asarray(mean)
  if mean.dtype.kind not in "fiu" or not mean.size:
    raise ValueError(f"weights.mean {text!r} holds {mean.size} values of {mean.dtype}; expected "
                     "numbers [3] or [3, H, W]")
  mean = mean.astype(np.float64)
  if mean.ndim == 3 and len(mean) == 3:
    mean = mean.mean((1, 2))
  if mean.shape != (3,) or not ((mean >= 0) & (mean <= 255)).all():
    raise ValueError(f"weights.mean {text!r} is of shape {list(mean.shape)}, from {mean.min():g} "
                     f"to {mean.max():g}; expected [3] or [3, H, W] from 0 to 255")
  if 0 < mean.max() <= 1:
    raise ValueError(f"weights.mean {text!r} is {', '.join(f'{x:.3g}' for x in mean)}, from 0 to "
                     "1; expected blue, green and red from 0 to 255, as Caffe has them: multiply "
                     "by 255, and reverse them where red comes first")
  return mean


def _whole(path: pathlib.Path, reader: Callable[[bytes], Any], *expected: str) -> Any:
  """What a reader makes of a file whose kind by its first bytes is expected, or not known."""
  data = path.read_bytes()
  if said := kinds.sentence(data[:kinds.HEAD], *expected, binary=True):
    raise ValueError(f"{path} {said}")
  try:
    return reader(data)
  except kinds.OtherKind as error:
    raise ValueError(f"{path}: {error}") from error
  except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
    raise ValueError(f"{path}: {error}. Fetch the file again, or compare its size and checksum "
                     "with its source's") from error
