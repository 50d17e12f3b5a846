"""What is known of a user's data from names, sizes and headers alone: nothing is decoded."""

import pathlib
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.data.sets.folders import items as items_lib
from cmx.data.sets.folders import judgement
from cmx.data.sets.folders import listing as listing_lib
from cmx.files import reading

_LOOKED_AT = 24  # files of a modality that are opened


class Part(NamedTuple):
  """One modality.

  Attributes:
    name: of the modality.
    kind: "pixels", "text" or "vector".
    train: training examples.
    validation: validation examples.
    fewest: training examples of its thinnest class, of those that it shows at all.
    side: pixels, the longer side of its middle picture; 0 of other kinds.
    bytes: of its middle example's file; of a vector, of its numbers.
    english: share of plain letters a to z among the letters of its texts; 1 of other kinds.
  """

  name: str
  kind: str
  train: int
  validation: int
  fewest: int
  side: int = 0
  bytes: int = 0
  english: float = 1.0


class Facts(NamedTuple):
  """A data set as it lies there.

  Attributes:
    classes: number of classes over all modalities.
    parts: of its modalities, the reference first.
    chosen: how the reference was chosen, in words.
  """

  classes: int
  parts: tuple[Part, ...]
  chosen: str


def of_folders(data: config_lib.Data) -> Facts | None:
  """The facts of a user's folders or manifest, of the modalities that the config names.

  Returns:
    The facts; None where these data cannot be trained on, which `dataset.prepare` puts in words.

  Raises:
    ValueError, FileNotFoundError: as `listing.find`, `judgement.rows` and `modalities.select`.
  """
  listing = listing_lib.find(data.folders)
  if judgement.problems(listing, data):
    return None
  rows = judgement.rows(listing, data.folders.reference)
  first, chosen = judgement.reference(listing, data.folders.reference)
  rows = modalities_lib.select(rows, data.modalities)
  if rows[0].name != first:
    chosen = f"{first}, {chosen}, is not among config.data.modalities"
  by_name: dict[str, list[items_lib.Item]] = {row.name: [] for row in rows}
  for item in listing.items:
    by_name.get(item.modality, []).append(item)
  return Facts(len(judgement.classes(listing)),
               tuple(_part(row.name, row.kind, by_name[row.name]) for row in rows), chosen)


def _part(name: str, kind: str, items: Sequence[items_lib.Item]) -> Part:
  train = [item.class_name for item in items if item.split == data_lib.TRAIN]
  some = items[::max(1, len(items) // _LOOKED_AT)]
  sides = [side for item in some if kind == "pixels" and (side := _side(item.path))]
  part = Part(name, kind, len(train), len(items) - len(train),
              min((train.count(c) for c in set(train)), default=0),
              side=round(statistics.median(sides)) if sides else 0)
  if kind == "text":
    texts = "".join(_text(item) for item in some)
    letters = [letter for letter in texts if letter.isalpha()]
    plain = sum(letter.isascii() for letter in letters)
    return part._replace(bytes=len(texts) // max(len(some), 1),
                         english=plain / len(letters) if letters else 1.0)
  rows: dict[pathlib.Path, int] = {}
  for item in items:
    if item.path is not None:
      rows[item.path] = rows.get(item.path, 0) + 1
  sizes = [path.stat().st_size // count for path, count in list(rows.items())[:_LOOKED_AT]]
  return part._replace(bytes=round(statistics.median(sizes)) if sizes else 0)


def _side(path: pathlib.Path | None) -> int:
  """The longer side of a picture in pixels, from its header; 0 where that does not say."""
  try:
    with Image.open(path) as image:
      return max(image.size)
  except (Image.DecompressionBombError, Warning, AttributeError, *reading.DAMAGED):
    return 0


def _text(item: items_lib.Item) -> str:
  try:
    return item.text if item.path is None else reading.text(item.path)
  except (reading.Unusable, OSError):
    return ""
