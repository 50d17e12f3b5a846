"""Files inside published packages: Debian archives, npm tarballs, Qt resources, dictd dictionaries.

Members are read as streams by name; nothing is unpacked to disk, so that no name, link or device
in an archive can touch it.
"""

import gzip
import io
import pathlib
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

_LIMIT = 200_000_000  # bytes of one member; the largest wanted one has 104 million
_COMPRESSIONS = {".xz": "xz", ".gz": "gz", ".bz2": "bz2"}
_BASE64 = {char: value for value, char in enumerate(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}


def deb(path: pathlib.Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
  """Wanted files of a Debian package, names without the leading "./".

  Raises:
    ValueError: if it is no Debian package, or is compressed in a way that Python cannot read.
  """
  with path.open("rb") as stream:
    if stream.read(8) != b"!<arch>\n":
      raise ValueError(f"{path.name} is not a Debian package")
    while header := stream.read(60):
      name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
      if name.startswith("data.tar"):
        kind = _COMPRESSIONS.get(name.removeprefix("data.tar"))
        if kind is None:
          raise ValueError(f"{path.name} holds {name}; expected .xz, .gz or .bz2: repack it with "
                           "dpkg-deb")
        yield from _tar(stream, kind, wanted, "./")
        return
      stream.seek(size + size % 2, 1)
  raise ValueError(f"{path.name} has no data.tar")


def npm(path: pathlib.Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
  """Wanted files of an npm package, names without the leading "package/"."""
  with path.open("rb") as stream:
    yield from _tar(stream, "gz", wanted, "package/")


def _tar(stream: io.BufferedIOBase, kind: str, wanted: Callable[[str], bool], prefix: str
         ) -> Iterator[tuple[str, bytes]]:
  with tarfile.open(fileobj=stream, mode=f"r|{kind}") as archive:
    for member in archive:
      name = member.name.removeprefix(prefix)
      if member.isfile() and wanted(name):
        if member.size > _LIMIT:
          raise ValueError(f"{name} has {member.size} bytes; limit {_LIMIT}")
        yield name, archive.extractfile(member).read()


def zipped(data: bytes, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
  """Wanted files of a zip, e.g. a Sweet Home 3D library."""
  with zipfile.ZipFile(io.BytesIO(data)) as archive:
    for info in archive.infolist():
      if wanted(info.filename) and info.file_size <= _LIMIT:
        yield info.filename, archive.read(info)


def rcc(data: bytes, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
  """Wanted files of a binary Qt resource file, by path from its root.

  Raises:
    ValueError: if the data is no such file.

  Source: Qt's qresource.cpp, formats 1 to 3.
  """
  if data[:4] != b"qres":
    raise ValueError("not a Qt resource file: it does not start with 'qres'")
  version, tree, payload, names = struct.unpack(">4I", data[4:20])
  step = 14 if version == 1 else 22  # later formats add the time of modification

  def node(index: int, parent: str) -> Iterator[tuple[str, bytes]]:
    start = tree + step * index
    name_at, flags = struct.unpack(">IH", data[start:start + 6])
    path = parent + ("/" if parent else "") + (_rcc_name(data, names + name_at) if index else "")
    if flags & 2:
      count, first = struct.unpack(">II", data[start + 6:start + 14])
      if first <= index:
        raise ValueError("Qt resource file has a folder inside itself")
      for child in range(first, first + count):
        yield from node(child, path)
    elif wanted(path):
      offset = struct.unpack(">I", data[start + 10:start + 14])[0]
      yield path, _rcc_data(data, payload + offset, flags)

  yield from node(0, "")


def _rcc_name(data: bytes, start: int) -> str:
  length = struct.unpack(">H", data[start:start + 2])[0]
  return data[start + 6:start + 6 + 2 * length].decode("utf-16-be")


def _rcc_data(data: bytes, start: int, flags: int) -> bytes:
  size = struct.unpack(">I", data[start:start + 4])[0]
  content = data[start + 4:start + 4 + size]
  if flags & 4:
    raise ValueError("Qt resource compressed with zstd; expected plain or zlib")
  return zlib.decompressobj().decompress(content[4:], _LIMIT) if flags & 1 else content


def wordnet_gloss(data: bytes, offset: int) -> str | None:
  """Gloss of the synset at an offset of WordNet's data.noun, examples of use left out."""
  line = data[offset:offset + 20_000].split(b"\n", 1)[0].decode()
  if not line.startswith(f"{offset:08d} ") or " | " not in line:
    return None
  text = line.split(" | ", 1)[1].split('; "')[0].strip()
  return f"{text[:1].upper()}{text[1:]}."


class Dictd:
  """A dictd dictionary: its index, and its entries joined by head word."""

  def __init__(self, index: bytes, entries: bytes):
    self._entries = gzip.decompress(entries)  # .dict.dz is gzip with an index inside
    self._places: dict[str, list[tuple[int, int]]] = {}
    for line in index.decode().splitlines():
      word, offset, size = line.split("\t")[:3]
      self._places.setdefault(word.lower(), []).append((_number(offset), _number(size)))

  def text(self, word: str) -> str | None:
    """All entries of a head word, without braces, white space reduced to one blank."""
    places = dict.fromkeys(self._places.get(word.lower(), []))
    raw = [self._entries[start:start + size].decode("utf-8", "replace") for start, size in places]
    return " ".join(" ".join(raw).replace("{", "").replace("}", "").split()) if raw else None


def _number(digits: str) -> int:
  total = 0
  for digit in digits:
    total = total * 64 + _BASE64[digit]
  return total
