"""The recipe of the everyday things: one row an example, with where it comes from.

A row names its file as `<modality code>/<split>/<category>/<file>`, its source and package, and the
path inside the package: a file's name, an icon as `set:name`, a definition as
`synset offset:lemma`.
"""

import csv
import functools
import gzip
import io
import json
import pathlib
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from cmx import modalities as modalities_lib

_FOLDER = pathlib.Path(__file__).parent
_SPLITS = {"train": "train", "val": "validation"}


class Word(NamedTuple):
  """A word of a spatial text; places and size are shares of the picture's side."""

  text: str
  x: float  # centre
  y: float
  size: float


class Row(NamedTuple):
  """One example.

  Attributes:
    file: stable name; the key of the example.
    kind: "photo", "render", "clipart", "line", "spatial" or "text".
    source: family within the package, e.g. an icon set.
    package: "npm:<name>" or "deb:<name>".
    path: inside the package.
    words: of a spatial text.
    spans: of a definition that is cut out of its entry: (start, end) in characters, or new text.
    check: CRC-32 of a definition's text, 8 hexadecimal digits; "" for anything else.
  """

  file: str
  kind: str
  source: str
  package: str
  path: str
  words: tuple[Word, ...] = ()
  spans: tuple[tuple[int, int] | str, ...] = ()
  check: str = ""

  @property
  def modality(self) -> str:
    code = self.file.split("/")[0]
    return {row.code: row.name for row in modalities_lib.CMPLACES}[code]

  @property
  def split(self) -> str:
    return _SPLITS[self.file.split("/")[1]]

  @property
  def category(self) -> str:
    return self.file.split("/")[2]


def rows(path: str | pathlib.Path = "") -> list[Row]:
  """Rows of a recipe file (.csv.gz); of the project's own where no path is given.

  Raises:
    ValueError: if the file's columns are not a recipe's.
  """
  with gzip.open(path or _FOLDER / "recipe.csv.gz", "rt", encoding="utf-8", newline="") as stream:
    reader = csv.DictReader(io.StringIO(stream.read()))
  if tuple(reader.fieldnames or ()) != Row._fields:
    raise ValueError(f"recipe has columns {reader.fieldnames}; expected {', '.join(Row._fields)}")
  return [_row(entry) for entry in reader]


def _row(entry: dict[str, str]) -> Row:
  words = tuple(Word(*word) for word in json.loads(entry["words"] or "[]"))
  spans = tuple(span if isinstance(span, str) else tuple(span)
                for span in json.loads(entry["spans"] or "[]"))
  return Row(**{**entry, "words": words, "spans": spans})


def cut(entry: str, spans: Sequence[tuple[int, int] | str]) -> str:
  """The text that the spans take out of a dictionary's entry."""
  return "".join(span if isinstance(span, str) else entry[slice(*span)] for span in spans)


def checksum(text: str) -> str:
  """CRC-32 of a text as 8 hexadecimal digits."""
  return f"{zlib.crc32(text.encode()):08x}"


@functools.cache
def licences() -> dict[str, str]:
  """Licence by source, as the packages state it."""
  with (_FOLDER / "licences.csv").open(encoding="utf-8", newline="") as stream:
    return {entry["source"]: entry["licence"] for entry in csv.DictReader(stream)}
