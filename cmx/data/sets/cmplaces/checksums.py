"""Checks archives against a file SHA256SUMS beside them, as `sha256sum * > SHA256SUMS` writes it.

TFDS has checksums of what it downloads itself; these archives come by hand, so whoever has theirs
puts them there. Without the file nothing is checked beyond what zip and gzip carry inside.
"""

import hashlib
import pathlib
import re
from collections.abc import Iterable

from cmx.runtime import progress

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")
_CHUNK = 1 << 22  # bytes


def check(folder: pathlib.Path, paths: Iterable[pathlib.Path]) -> list[str]:
  """Checks those of the files that SHA256SUMS names; a sentence for each that is right.

  Raises:
    ValueError: if a file differs, or a line is not as sha256sum writes it.
  """
  path = folder / NAME
  if not path.is_file():
    return []
  expected = {}
  for number, text in enumerate(path.read_text().splitlines(), 1):
    line = _LINE.fullmatch(text.strip())
    if line is None:
      raise ValueError(f"{path} line {number}: {text.strip()!r}; expected 64 hexadecimal digits, "
                       "two spaces and a file name")
    expected[line[2]] = line[1].lower()
  remarks = []
  for file in paths:
    if file.is_file() and file.name in expected:
      given = _digest(file)
      if given != expected[file.name]:
        raise ValueError(f"{file} has SHA-256 {given}; {path} says {expected[file.name]}: download "
                         "it again, or correct the sum")
      remarks.append(f"{file.name} has the SHA-256 that {NAME} says")
  return remarks


def _digest(file: pathlib.Path) -> str:
  total, done = hashlib.sha256(), 0
  with file.open("rb") as stream, progress.Progress(
      f"checking {file.name}", file.stat().st_size // 1_000_000, "MB") as line:
    while chunk := stream.read(_CHUNK):
      total.update(chunk)
      done += len(chunk)
      line.update(done // 1_000_000)
  return total.hexdigest()
