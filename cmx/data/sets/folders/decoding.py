"""Decodes the items of a listing, in threads; what cannot be used comes back with the reason."""

import concurrent.futures
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cmx import data as data_lib
from cmx.data.sets.folders import items as items_lib
from cmx.data.sets.folders import judgement
from cmx.data.sets.folders import listing as listing_lib
from cmx.files import pictures
from cmx.files import reading
from cmx.runtime import cores
from cmx.runtime import progress

_CHUNK = 256  # items handed to the threads at once
_THREADS = 4

SPLITS = (data_lib.TRAIN, data_lib.VALIDATION)


def parts(listing: listing_lib.Listing) -> dict[tuple[str, str], list[items_lib.Item]]:
  """Items by (modality, split); every modality has both splits, if only with no items."""
  cells = {(name, split): [] for name in judgement.kinds(listing) for split in SPLITS}
  for item in listing.items:
    cells[item.modality, item.split].append(item)
  return cells


def decode(items: Sequence[items_lib.Item], size: int, widths: dict[str, int]
           ) -> Iterator[tuple[items_lib.Item, Any]]:
  """Every item with its input, or with a `listing.Bad` where that cannot be had.

  Args:
    items: of one modality and split.
    size: height and width of images, pixels.
    widths: of the modalities' vectors seen so far; the first vector of a modality adds its own.

  Returns:
    Pairs of an item and uint8 [size, size, 3], float32 [E], a text or a `Bad`, in order.
  """
  if not items:
    return
  tables: dict[pathlib.Path, np.ndarray | items_lib.Bad] = {}
  what = f"{items[0].modality}, {items[0].split}"
  with (concurrent.futures.ThreadPoolExecutor(min(_THREADS, cores.count())) as pool,
        progress.Progress(what, len(items), "examples") as line):
    for start in range(0, len(items), _CHUNK):
      part = items[start:start + _CHUNK]
      for item in part:
        if item.path and item.path.suffix.lower() == reading.TABLE and item.path not in tables:
          tables[item.path] = _table(item.path)
      inputs = pool.map(lambda item: _input(item, size, tables), part)
      for item, x in zip(part, inputs):
        yield item, _of_one_width(item, x, widths)
      line.update(start + len(part))


def _table(path: pathlib.Path) -> np.ndarray | items_lib.Bad:
  try:
    return reading.table(path)
  except reading.Unusable as error:
    return items_lib.Bad(path.name, f"{error}")


def _input(item: items_lib.Item, size: int,
           tables: dict[pathlib.Path, np.ndarray | items_lib.Bad]) -> Any:
  try:
    if item.path is None:
      return reading.cleaned(item.text)
    if item.path in tables:
      table = tables[item.path]
      if isinstance(table, items_lib.Bad):
        return table._replace(file=item.key)
      return reading.finite(table[item.row])
    if item.kind == "pixels":
      return pictures.pixels(item.path, size)
    return reading.text(item.path) if item.kind == "text" else reading.vector(item.path)
  except reading.Unusable as error:
    return items_lib.Bad(item.key, f"{error}")
  except OSError as error:
    return items_lib.Bad(item.key, f"does not read: {error.strerror or error}")


def _of_one_width(item: items_lib.Item, x: Any, widths: dict[str, int]) -> Any:
  if item.kind != "vector" or isinstance(x, items_lib.Bad):
    return x
  width = widths.setdefault(item.modality, len(x))
  if len(x) == width:
    return x
  return items_lib.Bad(
    item.key, f"vector of {len(x)} entries; expected {width}, as in the first of {item.modality!r}")
