"""Lines of word vectors: what form a file has, which part of a line is the word, what is odd.

The numbers are counted from the right, for words may be of several parts ("new york", ". . .", "to
5"); tabs and several blanks separate as one blank does. A file that is packed by gzip or zip is
unpacked once, beside it.
"""

import collections
import gzip
import mmap
import os
import pathlib
import re
import shlex
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from absl import logging

from cmx.files import kinds
from cmx.files import text as text_lib
from cmx.files import writing

_BOM = b"\xef\xbb\xbf"
_LOOKED = 200  # lines from which the width is told
_BINARY = re.compile(rb"\d+ [1-9]\d*\n[^\n ]{1,200} ")
LONGEST = 4096  # bytes of a word in the binary form
_RATIO = 100  # unpacked to packed; word vectors shrink to a third
_PART = 1 << 20  # bytes unpacked at once
_SUFFIX = ".unpacked"


class Form(NamedTuple):
  """Form of a file.

  Attributes:
    width: E, numbers a line.
    skipped: bytes before the first line, of a mark of its encoding.
    words: as its first line, which is then none of a word, says; else None.
    binary: whether it is word2vec's binary form: a word, a blank and 4 E bytes, over and over.
  """

  width: int
  skipped: int
  words: int | None
  binary: bool = False


def form(path: pathlib.Path) -> Form:
  """The form of a file.

  Raises:
    ValueError: if it is no text of words and numbers; the message says what it is.
  """
  with path.open("rb") as stream:
    head = stream.read(kinds.HEAD)
    stream.seek(0)
    rows = [row for _, row in zip(range(_LOOKED), stream)]
  if sentence := kinds.sentence(head, "empty"):
    raise ValueError(f"{path} {sentence}; expected a word and its numbers a line")
  if _BINARY.match(head) and (b"\0" in head or not _is_text(head)):  # numbers, not their digits
    count, width = map(int, head.split(b"\n")[0].split())
    return Form(width, head.index(b"\n") + 1, count, binary=True)
  if b"\r" in head and b"\n" not in head:
    raise ValueError(f"{path} has lines that end as on old Macs: tr '\\r' '\\n' mends them")
  skipped = len(_BOM) if rows and rows[0].startswith(_BOM) else 0
  rows = [row[skipped if number == 0 else 0:] for number, row in enumerate(rows)]
  header = _header(rows[0]) if rows else None
  body = [(number, row) for number, row in enumerate(rows, 1)
          if row.strip() and not (header and number == 1)]
  if not body:
    raise ValueError(f"{path} has no words; expected a word and its numbers a line")
  counts = collections.Counter(_numbers(row) for _, row in body)
  width = counts.most_common(1)[0][0]  # of equally many the first that came
  if not width:
    raise ValueError(f"{path} line {body[0][0]}: {_quoted(body[0][1])}; expected a word and its "
                     f"numbers, separated by spaces{_separator(body[0][1])}")
  if header and header[1] != width:
    raise ValueError(f"{path} line 1 says {header[1]} numbers a word, line {body[0][0]} has "
                     f"{width}; mend the first line, or fetch the file again")
  return Form(width, skipped, header[0] if header else None)


def word(row: bytes, width: int, path: pathlib.Path, number: int) -> bytes:
  """The word of a line; it may be of several parts, which no text asks for.

  Raises:
    ValueError: if the line is not a word and so many numbers.
  """
  name, *numbers = row.strip().rsplit(None, width)
  if len(numbers) == width and not (b" " in name or b"\t" in name):
    return name
  parts = name.split()
  if (len(numbers) < width or _is_number(parts[-1]) and not (
      parts[-1].isdigit() and any(not field.lstrip(b"-").isdigit() for field in numbers))):
    raise ValueError(f"{path} line {number}: {_numbers(row)} numbers; expected {width}, separated "
                     f"by spaces, as in the lines before{_separator(row)}. Is the file whole?")
  return name


def of_binary(content: mmap.mmap, its: Form, path: pathlib.Path) -> Iterator[tuple[bytes, int]]:
  """Words of the binary form and where they begin.

  Raises:
    ValueError: if the file ends early, or goes on after its last word.
  """
  at = its.skipped
  for number in range(1, its.words + 1):
    at += content[at:at + 1] == b"\n"  # some writers end each vector so
    end = content.find(b" ", at, at + LONGEST)
    after = end + 1 + 4 * its.width
    if end < 0 or after > len(content):
      raise ValueError(f"{path} ends in word {number:,} of the {its.words:,} of {its.width} "
                       "numbers that its first line says. Is the file whole? Fetch it again")
    yield content[at:end], at
    at = after
  if content[at:at + 2].strip():
    raise ValueError(f"{path} goes on after the {its.words:,} words of {its.width} numbers that "
                     "its first line says; fetch it again")


def _header(row: bytes) -> tuple[int, int] | None:
  """Number of words and width, as word2vec's first line has them; None of another line."""
  fields = row.split()
  return (int(fields[0]), int(fields[1])) if len(fields) == 2 and all(
    field.isdigit() for field in fields) else None


def _numbers(row: bytes) -> int:
  """How many numbers a line ends in; its first part is a word, whatever it looks like."""
  count = 0
  for field in reversed(row.split()[1:]):
    if not _is_number(field):
      break
    count += 1
  return count


def _is_number(field: bytes) -> bool:
  try:
    return bool(field) and float(field) is not None
  except ValueError:
    return False


def _is_text(content: bytes) -> bool:
  try:
    content[:-4].decode()
    return True
  except UnicodeDecodeError as error:
    return error.start >= len(content) - 8


def _quoted(row: bytes) -> str:
  return repr(row[:40].decode("utf-8", "replace")).replace("\\n", "")


def _separator(row: bytes) -> str:
  """A remark on a line whose parts other signs separate."""
  for sign, name in ((b",", "commas"), (b";", "semicolons"), (b"|", "vertical bars")):
    if row.count(sign) > 1 and any(_is_number(field) for field in row.strip().split(sign)[1:]):
      return f"; here {name} separate them: tr '{sign.decode()}' ' ' turns them into spaces"
  return ""


class Encoding:
  """Looks at the encoding of a file's words."""

  def __init__(self, path: pathlib.Path):
    self._path, self._valid, self._odd, self._first = path, 0, 0, (b"", 0)

  def see(self, name: bytes, number: int) -> None:
    """Takes notice of the word of a line."""
    if name.isascii():
      return
    try:
      name.decode()
      self._valid += 1
    except UnicodeDecodeError:
      self._first = self._first if self._odd else (name, number)
      self._odd += 1

  def say(self) -> None:
    """Logs that some words are not in UTF-8, as in files that were cut at a number of bytes.

    Raises:
      ValueError: if none of the words beyond ASCII is: the file is of another encoding.
    """
    if not self._odd:
      return
    name, number = self._first
    said = (f"{self._path} line {number}: the word {name!r} is not in UTF-8, as {self._odd:,} of "
            f"{self._odd + self._valid:,} words beyond ASCII")
    if not self._valid:
      file = shlex.quote(str(self._path))
      new = shlex.quote(str(self._path.with_name(f"utf8_{self._path.name}")))
      raise ValueError(f"{said}; no text would find them. Convert the file: iconv -f cp1252 -t "
                       f"utf-8 {file} > {new}")
    logging.warning("%s; no text finds them", said)


def state(path: pathlib.Path) -> list[int]:
  """Size and time of a file, by which a change is noticed."""
  return [path.stat().st_size, path.stat().st_mtime_ns]


def unpacked(path: pathlib.Path) -> pathlib.Path:
  """The file, or what is in it where it is packed by gzip or zip: unpacked once, and kept.

  Raises:
    ValueError: if it is damaged, is no file, or holds several.
  """
  if not path.is_file():
    raise ValueError(f"{path} is a folder, or no file; expected a file of word vectors")
  kind = kinds.at(path)
  if kind is None or kind.name not in ("gzip", "zip"):
    return path
  for folder in (path.parent, pathlib.Path(tempfile.gettempdir())):
    made = folder / f"{path.name}.{zlib.crc32(str(path.absolute()).encode()):08x}{_SUFFIX}"
    if made.exists() and made.stat().st_mtime_ns == path.stat().st_mtime_ns:
      return made
    if os.access(folder, os.W_OK):
      return _unpack(path, kind.name, made)
  raise ValueError(f"{path} is {kind.what}, and cannot be unpacked beside it; unpack it and give "
                   "the file that is in it")


def _unpack(path: pathlib.Path, kind: str, made: pathlib.Path) -> pathlib.Path:
  logging.info("%s is unpacked to %s", path, made)
  try:
    with writing.whole(made) as out:
      for chunk in _chunks(path, kind):
        out.write(chunk)
        if out.tell() > _RATIO * max(path.stat().st_size, 1 << 16):
          raise ValueError(f"more than {_RATIO} times as large unpacked as packed; expected words "
                           "and numbers")
      out.flush()  # or what is written later would be younger
      os.utime(out.fileno(), ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
  except (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError, RuntimeError,
          NotImplementedError) as error:
    raise ValueError(f"{path} cannot be unpacked: {text_lib.shown(str(error), 300)}") from error
  return made


def _chunks(path: pathlib.Path, kind: str) -> Iterator[bytes]:
  if kind == "gzip":
    with gzip.open(path) as stream:
      yield from iter(lambda: stream.read(_PART), b"")
    return
  with zipfile.ZipFile(path) as archive:
    names = [name for name in archive.namelist() if not name.endswith("/")
             and not name.startswith("__MACOSX")]
    if len(names) != 1:
      raise ValueError(f"it holds {len(names)} files ({', '.join(names[:8])}); unpack it and give "
                       f"the one you want: python3 -m zipfile -e {shlex.quote(str(path))} .")
    with archive.open(names[0]) as stream:
      yield from iter(lambda: stream.read(_PART), b"")
