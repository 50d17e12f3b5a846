"""Word vectors in files: a word and its E numbers a line, as GloVe and fastText write them.

Such a file has gigabytes, a data set a few thousand words. So the file is passed over once, for an
index of where every word's line begins, `<file>.index.npz`, and then only the lines of the words
that occur are read. The pass checks that every line has E numbers, as most of the first have; what
they are is looked at where they are read. The index is made anew when the file's size or time
changes; where nothing can be written beside the file, it is made in every run. word2vec's binary
form is read alike.
"""

import array
import hashlib
import json
import mmap
import pathlib
import zlib
from typing import NamedTuple

import numpy as np
from absl import logging

from cmx.data.encoders import word_lines
from cmx.files import writing
from cmx.runtime import progress

_SUFFIX = ".index.npz"
_VERSION = 3  # of the index
_REPORTED = 10_000  # lines between two looks at the clock
_CHUNK = 1 << 26  # bytes in which lines are counted, for a message


class Index(NamedTuple):
  """Where the words of a file are.

  Attributes:
    hashes: CRC-32 of the words, ascending uint32 [N].
    offsets: first bytes of their lines, int64 [N]; of equal hashes in the order of the file.
    width: E, numbers a line.
    fingerprint: first 16 hexadecimal digits of the file's SHA-256.
    binary: whether the numbers are word2vec's, of four bytes each, rather than text.
  """

  hashes: np.ndarray
  offsets: np.ndarray
  width: int
  fingerprint: str
  binary: bool = False


class WordFile:
  """Vectors by word, read from the file when they are asked for; safe in several threads."""

  def __init__(self, path: pathlib.Path):
    """Opens the file, and makes its index where there is none. Raises ValueError as `index`."""
    self.path = word_lines.unpacked(path)
    try:
      self.index = index(self.path)
    except ValueError as error:  # a user knows the file by the name that was given
      raise ValueError(f"{error}".replace(f"{self.path}", f"{path}")) from error
    with self.path.open("rb") as stream:
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
      end = offset + len(name)
      if self._bytes[offset:end] == name and self._bytes[end:end + 1] in (b" ", b"\t"):
        return self._numbers(offset, len(name))
    return None

  def _numbers(self, offset: int, skipped: int) -> np.ndarray:
    if self.index.binary:
      numbers = np.frombuffer(self._bytes, "<f4", self.index.width, offset + skipped + 1).copy()
      if not np.isfinite(numbers).all():
        raise ValueError(f"{self.path}: not every number is finite of the word "
                         f"{self._bytes[offset:offset + skipped].decode()!r}")
      return numbers
    end = self._bytes.find(b"\n", offset)
    fields = self._bytes[offset + skipped:len(self._bytes) if end < 0 else end].split()
    try:
      with np.errstate(over="ignore"):
        numbers = np.array([float(field) for field in fields[-self.index.width:]]).astype(
          np.float32)
      if not np.isfinite(numbers).all():
        raise ValueError("not every number is finite")
    except ValueError as error:
      raise ValueError(f"{self.path} line {_line(self._bytes, offset)}: {error}; expected a word "
                       f"and {self.index.width} numbers") from error
    return numbers


def index(path: pathlib.Path) -> Index:
  """The index of a file, from disk if it is there and the file is still the same.

  Raises:
    ValueError: if the file is of another kind, or a line is not a word and as many numbers as the
      first lines have; the message says which and what to do.
  """
  packed, state = path.with_name(path.name + _SUFFIX), word_lines.state(path)
  if (stored := _stored(packed, state)) is not None:
    return stored
  made = _made(path)
  _say_twice(path, made)
  card = {"state": state, "width": made.width, "fingerprint": made.fingerprint,
          "binary": made.binary, "version": _VERSION}
  try:
    writing.write_arrays(packed, {"hashes": made.hashes, "offsets": made.offsets,
                                  "card": json.dumps(card)})
  except OSError as error:
    logging.warning("%s cannot be kept (%s); it is made anew in every run. A copy of the file in a "
                    "folder of your own would keep it", packed, error.strerror or error)
  return made


def _stored(path: pathlib.Path, state: list[int]) -> Index | None:
  """An index on disk; None where it is missing, damaged or of another state of the file."""
  try:
    stored = writing.read_arrays(path)
    card = json.loads(str(stored["card"]))
    if card["state"] == state and card["version"] == _VERSION:
      return Index(stored["hashes"], stored["offsets"], card["width"], card["fingerprint"],
                   card["binary"])
  except (OSError, ValueError, KeyError):
    pass
  return None


def _made(path: pathlib.Path) -> Index:
  form = word_lines.form(path)
  if form.binary:
    return _made_of_binary(path, form)
  digest, hashes, offsets = hashlib.sha256(), array.array("L"), array.array("q")
  offset, odd = 0, word_lines.Encoding(path)
  with (path.open("rb") as stream,
        progress.Progress(f"index of {path.name}", path.stat().st_size, "bytes") as line):
    for number, row in enumerate(stream, 1):
      digest.update(row)
      start = offset
      offset += len(row)
      if number == 1:
        start, row = start + form.skipped, row[form.skipped:]
      if row.strip() and not (number == 1 and form.words is not None):
        word = word_lines.word(row, form.width, path, number)
        odd.see(word, number)
        hashes.append(zlib.crc32(word))
        offsets.append(start + len(row) - len(row.lstrip()))
      if number % _REPORTED == 0:
        line.update(offset)
    line.update(offset)
  if form.words not in (None, len(hashes)):
    raise ValueError(f"{path} line 1 says {form.words:,} words, and {len(hashes):,} follow. Is the "
                     "file whole? Fetch it again, or mend its first line")
  odd.say()
  return _sorted(hashes, offsets, form, digest.hexdigest())


def _made_of_binary(path: pathlib.Path, form: word_lines.Form) -> Index:
  hashes, offsets = array.array("L"), array.array("q")
  with path.open("rb") as stream:
    digest = hashlib.file_digest(stream, "sha256").hexdigest()
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
      for word, offset in word_lines.of_binary(content, form, path):
        hashes.append(zlib.crc32(word))
        offsets.append(offset)
  return _sorted(hashes, offsets, form, digest)


def _sorted(hashes: array.array, offsets: array.array, form: word_lines.Form,
            digest: str) -> Index:
  codes = np.array(hashes, np.uint32)
  order = np.argsort(codes, kind="stable")
  return Index(codes[order], np.array(offsets, np.int64)[order], form.width, digest[:16],
               form.binary)


def _say_twice(path: pathlib.Path, made: Index) -> None:
  """Logs that words come twice, of which the first counts."""
  equal = np.flatnonzero(made.hashes[1:] == made.hashes[:-1])  # words, or hashes by chance
  with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
    def word(offset: int) -> bytes:
      return content[offset:offset + word_lines.LONGEST].split(None, 1)[0]
    twice = [word(made.offsets[one]) for one in equal
             if word(made.offsets[one]) == word(made.offsets[one + 1])]
  if twice:
    logging.warning("%s has %d words twice, such as %r; the first of each counts", path, len(twice),
                    twice[0].decode("utf-8", "replace"))


def _line(content: mmap.mmap, offset: int) -> int:
  """Number of the line that begins at a byte."""
  return 1 + sum(content[start:min(start + _CHUNK, offset)].count(b"\n")
                 for start in range(0, offset, _CHUNK))
