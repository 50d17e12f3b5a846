"""New examples in a run's space: what its network makes of a picture or a text of one's own."""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.data import encoders
from cmx.evaluation import features as features_lib
from cmx.evaluation import readouts
from cmx.files import pictures
from cmx.files import reading
from cmx.runtime import devices
from cmx.training import checkpoint

BATCH = 64  # examples a forward pass
_BLOCK = 4_096  # rows of a gallery compared at once
_QUERIES = 1_024  # and queries: their similarities take 17 MB

Embedder = Callable[[Sequence[Any]], np.ndarray]


def embed(run: checkpoint.Run, modality: str, inputs: Sequence[Any],
          layer: str = "fc7") -> np.ndarray:
  """Activations [N, D] of new examples; see `embedder`, which compiles once for many calls."""
  return embedder(run, modality, layer)(inputs)


def embedder(run: checkpoint.Run, modality: str, layer: str = "fc7") -> Embedder:
  """A function from new examples to their activations, as if they were of a modality of the run.

  It takes inputs as of `reader` and gives float32 [N, D]; the modality is a name or a code.

  Raises:
    ValueError: if the run has no such modality; when called, if there is no such layer or an input
      is of another kind.
    FileNotFoundError: if the encoder's package is not there any more.
  """
  row = row_of(run, modality)
  size = devices.rounded_up(BATCH)
  read, params = reader(run.config, row), devices.replicate(run.params)
  forward = features_lib.reader(run, row, [layer], size)

  def call(inputs: Sequence[Any]) -> np.ndarray:
    x = read(inputs)
    if x.shape[1:] != tuple(row.shape):
      raise ValueError(f"inputs of shape {list(x.shape[1:])}; expected {list(row.shape)} for "
                       f"modality {row.name!r}")
    return np.concatenate([forward(params, x[i:i + size])[layer] for i in range(0, len(x), size)])

  return call


def row_of(run: checkpoint.Run, modality: str) -> modalities_lib.Modality:
  """The modality of a run by name or code. Raises ValueError if it has none of that name."""
  for row in run.modalities:
    if modality in (row.name, row.code):
      return row
  raise ValueError(f"the run has no modality {modality!r}; expected one of "
                   f"{', '.join(row.name for row in run.modalities)}")


def reader(config: config_lib.Config, row: modalities_lib.Modality) -> Embedder:
  """A function that reads inputs of a modality as the tower does, encoded where a run encodes.

  Args:
    config: of the run.
    row: the modality; it may lack its shape.

  Returns:
    A function of inputs to uint8 [N, H, W, 3] or float32 [N, E]. Of pixels: paths of pictures, PIL
    images and uint8 arrays [H, W, 3] of any size, which are fitted into a white square as files of
    one's own are; of texts: strings; of vectors: an array [N, E], or N vectors. It raises
    ValueError for what is of another kind or cannot be used, and says which.

  Raises:
    ValueError, FileNotFoundError: as `encoders.of`.
  """
  encoder = None if row.kind == "vector" else encoders.of(config, row.kind)
  side = 0
  if row.kind == "pixels":
    known = encoder is None and row.shape  # else the shape is that of vectors, or not known yet
    side = row.shape[0] if known else data_lib.side(config.data)

  def call(inputs: Sequence[Any]) -> np.ndarray:
    if isinstance(inputs, (str, bytes)) or not hasattr(inputs, "__len__"):
      raise ValueError(f"inputs of modality {row.name!r} are {_kind(inputs)}; expected a list of "
                       "them, also of one")
    if not len(inputs):
      raise ValueError(f"no inputs of modality {row.name!r}; expected 1 or more")
    if row.kind == "vector":
      return _vectors(row, inputs)
    read = [_one(row, i, x, side) for i, x in enumerate(inputs)]
    return np.stack(read if encoder is None else list(encoder.encode(read)))

  return call


def _one(row: modalities_lib.Modality, index: int, x: Any, side: int) -> np.ndarray | str:
  """A picture uint8 [side, side, 3] or a text, as files of one's own are read."""
  try:
    return _text(row, x) if row.kind == "text" else np.asarray(_picture(row, x, side))
  except reading.Unusable as error:
    path = f" ({x})" if row.kind == "pixels" and isinstance(x, (str, os.PathLike)) else ""
    raise ValueError(f"input {index}{path} of modality {row.name!r}: {error}") from error


def _text(row: modalities_lib.Modality, x: Any) -> str:
  if not isinstance(x, str):
    raise ValueError(f"modality {row.name!r} is text; expected strings, got {_kind(x)}")
  return reading.cleaned(x)


def _picture(row: modalities_lib.Modality, x: Any, side: int) -> Image.Image | np.ndarray:
  if isinstance(x, (str, os.PathLike)):
    return pictures.pixels(pathlib.Path(x).expanduser(), side)
  if isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.ndim == 3 and x.shape[2] == 3:
    x = Image.fromarray(x)
  if not isinstance(x, Image.Image):
    raise ValueError(f"modality {row.name!r} is pixels; expected paths, PIL images or uint8 arrays "
                     f"[H, W, 3], got {_kind(x)}")
  return pictures.square(pictures.opaque(pictures.upright(x)), side)


def _vectors(row: modalities_lib.Modality, inputs: Sequence[Any]) -> np.ndarray:
  """Vectors float32 [N, E] of an array, or of N vectors."""
  expected = f"modality {row.name!r} is vectors; expected numbers [N, E]"
  try:
    x = np.asarray(inputs)
  except ValueError as error:
    raise ValueError(f"{expected}, got vectors of different lengths") from error
  if x.ndim != 2 or not x.shape[1] or x.dtype.kind not in "fiub":
    raise ValueError(f"{expected}, got {_kind(x)}")
  try:
    return reading.finite(x)
  except reading.Unusable as error:
    bad = np.flatnonzero(~(np.abs(x) <= np.finfo(np.float32).max).all(axis=1))[0]
    raise ValueError(f"input {bad} of modality {row.name!r}: {error}") from error


def _kind(x: Any) -> str:
  """What something is, for a message."""
  return f"{x.dtype} {list(x.shape)}" if isinstance(x, np.ndarray) else type(x).__name__


def nearest(vectors: np.ndarray, gallery: np.ndarray,
            count: int) -> tuple[np.ndarray, np.ndarray]:
  """The nearest rows of a gallery by cosine, nearest first; equal ones in the gallery's order.

  Never more than a block of the gallery and of the queries is compared at once, so that a gallery
  may be a memory map larger than memory.

  Args:
    vectors: queries [Q, D].
    gallery: [G, D].
    count: rows of each query; G at most.

  Returns:
    Rows int [Q, count] and their cosines float32 [Q, count]; fewer than `count` where G is less.

  Raises:
    ValueError: if the widths differ, a vector is not finite, or `count` is less than 1.
  """
  vectors = np.asarray(vectors, np.float32)
  if vectors.ndim != 2 or vectors.shape[1] != gallery.shape[1]:
    raise ValueError(f"vectors of shape {list(vectors.shape)}; expected [Q, {gallery.shape[1]}], "
                     "the width of the gallery")
  if not np.isfinite(vectors).all():
    raise ValueError("vectors that are not finite; expected numbers without NaN and infinity")
  if count < 1:
    raise ValueError(f"{count} neighbours; expected 1 or more")
  parts = [_nearest(readouts.unit(vectors[start:start + _QUERIES]), gallery, count)
           for start in range(0, len(vectors), _QUERIES)]
  rows, scores = zip(*parts) if parts else ([np.zeros((0, count), int)],
                                            [np.zeros((0, count), np.float32)])
  return np.concatenate(rows), np.concatenate(scores)


def _nearest(queries: np.ndarray, gallery: np.ndarray,
             count: int) -> tuple[np.ndarray, np.ndarray]:
  """The same of unit vectors [b, D].

  Of each block only what beats the last of the best so far is ranked with them: equal ones come
  later in the gallery, and after a few blocks hardly any are left.
  """
  rows = np.zeros((len(queries), 0), int)
  scores = np.zeros((len(queries), 0), np.float32)
  for start in range(0, len(gallery), _BLOCK):
    theirs = queries @ readouts.unit(gallery[start:start + _BLOCK]).T
    least = scores[:, -1:] if scores.shape[1] == count else -np.inf
    query, row = np.nonzero(theirs > least)  # in the gallery's order for each query
    found = np.bincount(query, minlength=len(queries))
    place = np.arange(len(query)) - np.repeat(np.cumsum(found) - found, found)
    shape = len(queries), found.max(initial=0)
    more_rows, more_scores = np.zeros(shape, int), np.full(shape, -np.inf, np.float32)
    more_rows[query, place], more_scores[query, place] = start + row, theirs[query, row]
    rows = np.concatenate([rows, more_rows], axis=1)
    scores = np.concatenate([scores, more_scores], axis=1)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    rows, scores = (np.take_along_axis(x, best, 1) for x in (rows, scores))
  return rows, scores
