"""Word vectors in text files: a word and its E numbers a line, as GloVe and fastText write them.

Such a file has gigabytes, a data set a few thousand words. So the file is passed over once, for an
index of where every word's line begins, `<file>.index.npz`, and then only the lines of the words
that occur are read. The pass checks that every line has E numbers, as the first has; what they are
is looked at where they are read. The index is made anew when the file's size or time changes.
"""

import array
import hashlib
import json
import mmap
import os
import pathlib
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from cmx.runtime import progress

_SUFFIX = ".index.npz"
_REPORTED = 10_000  # lines between two looks at the clock
_CHUNK = 1 << 26  # bytes in which lines are counted, for a message


class Index(NamedTuple):
  """Where the words of a file are.

  Attributes:
    hashes: CRC-32 of the words, ascending uint32 [N].
    offsets: first bytes of their lines, int64 [N]; of equal hashes in the order of the file.
    width: E, numbers a line.
    fingerprint: first 16 hexadecimal digits of the file's SHA-256.
  """

  hashes: np.ndarray
  offsets: np.ndarray
  width: int
  fingerprint: str


class WordFile:
  """Vectors by word, read from the file when they are asked for; safe in several threads."""

  def __init__(self, path: pathlib.Path):
    """Opens the file, and makes its index where there is none. Raises ValueError as `index`."""
    self.path, self.index = path, index(path)
    with path.open("rb") as stream:
      self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

  def vector(self, word: str) -> np.ndarray | None:
    """Numbers float32 [E] of a word; None where the file does not have it.

    Raises:
      ValueError: if they are no finite numbers; the message names file and line.
    """
    name, hashes = word.encode(), self.index.hashes
    code = np.uint32(zlib.crc32(name))
    first, last = np.searchsorted(hashes, code), np.searchsorted(hashes, code, "right")
    for offset in map(int, self.index.offsets[first:last]):
      if self._bytes[offset:offset + len(name) + 1] == name + b" ":
        return self._numbers(offset, len(name))
    return None

  def _numbers(self, offset: int, skipped: int) -> np.ndarray:
    end = self._bytes.find(b"\n", offset)
    fields = self._bytes[offset + skipped:len(self._bytes) if end < 0 else end].split()
    try:
      numbers = np.array([float(field) for field in fields], np.float32)
      if not np.isfinite(numbers).all():
        raise ValueError("not every number is finite")
    except ValueError as error:
      raise ValueError(f"{self.path} line {_line(self._bytes, offset)}: {error}; expected a word "
                       f"and {self.index.width} numbers") from error
    return numbers


def index(path: pathlib.Path) -> Index:
  """The index of a file, from disk if it is there and the file is still the same.

  Raises:
    ValueError: if a line is not a word and as many numbers as in the first; it is named.
  """
  kept, state = path.with_name(path.name + _SUFFIX), _state(path)
  if (found := _kept(kept, state)) is not None:
    return found
  made = _made(path)
  card = {"state": state, "width": made.width, "fingerprint": made.fingerprint}
  writing = kept.with_name(f"{kept.name}.{os.getpid()}.writing")
  with writing.open("wb") as stream:
    np.savez(stream, hashes=made.hashes, offsets=made.offsets, card=json.dumps(card))
  writing.replace(kept)
  return made


def _kept(path: pathlib.Path, state: list[int]) -> Index | None:
  """An index on disk; None where it is missing, damaged or of another state of the file."""
  try:
    with path.open("rb") as stream, np.load(stream) as archive:
      card = json.loads(str(archive["card"]))
      if card["state"] == state:
        return Index(archive["hashes"], archive["offsets"], card["width"], card["fingerprint"])
  except (FileNotFoundError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
    pass
  return None


def _state(path: pathlib.Path) -> list[int]:
  return [path.stat().st_size, path.stat().st_mtime_ns]


def _made(path: pathlib.Path) -> Index:
  digest, hashes, offsets = hashlib.sha256(), array.array("L"), array.array("q")
  offset, width = 0, 0
  with (path.open("rb") as stream,
        progress.Progress(f"index of {path.name}", path.stat().st_size, "bytes") as line):
    for number, row in enumerate(stream, 1):
      digest.update(row)
      if row.strip() and not (number == 1 and _is_header(row)):
        width = width or _width(row, path, number)
        hashes.append(zlib.crc32(_word(row, width, path, number)))
        offsets.append(offset)
      offset += len(row)
      if number % _REPORTED == 0:
        line.update(offset)
    line.update(offset)
  if not hashes:
    raise ValueError(f"{path} has no words; expected a word and its numbers a line")
  codes = np.array(hashes, np.uint32)
  order = np.argsort(codes, kind="stable")
  return Index(codes[order], np.array(offsets, np.int64)[order], width, digest.hexdigest()[:16])


def _is_header(row: bytes) -> bool:
  """Whether a first line holds the number of words and the width, as word2vec's does."""
  return len(row.split()) == 2 and all(field.isdigit() for field in row.split())


def _width(row: bytes, path: pathlib.Path, number: int) -> int:
  word, *numbers = row.split()
  if not numbers or not all(map(_is_number, numbers)):
    raise ValueError(f"{path} line {number}: {row[:40]!r}; expected a word and its numbers, "
                     "separated by spaces")
  return len(numbers)


def _word(row: bytes, width: int, path: pathlib.Path, number: int) -> bytes:
  """The word of a line; in some files of GloVe's it is of several words, which no text asks for."""
  row = row.rstrip()
  if row.count(b" ") == width:
    return row[:row.index(b" ")]
  word, *numbers = row.rsplit(b" ", width)
  if len(numbers) < width or _is_number(word.split(b" ")[-1]):
    raise ValueError(f"{path} line {number}: {row.count(b' ')} numbers; expected {width}, "
                     "separated by spaces, as in the lines before. Is the file whole?")
  return word


def _is_number(field: bytes) -> bool:
  try:
    return bool(field) and float(field) is not None
  except ValueError:
    return False


def _line(content: mmap.mmap, offset: int) -> int:
  """Number of the line that begins at a byte."""
  return 1 + sum(content[start:min(start + _CHUNK, offset)].count(b"\n")
                 for start in range(0, offset, _CHUNK))
