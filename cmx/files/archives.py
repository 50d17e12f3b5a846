"""Members of zip and tar archives, and files of a folder: listed once, then read from their place.

Nothing is unpacked. A member is a place in the archive's file, so that a worker process reads it
with nothing but the path; a compressed tar is one stream, in which reading forwards is cheap and
going back starts from the beginning.
"""

import bz2
import gzip
import lzma
import os
import pathlib
import stat
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from cmx.files import kinds
from cmx.files import system_files

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_LIMIT = 64_000_000  # bytes of one member; the pictures have some 50 thousand
_STREAMS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}  # by first two bytes
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
            struct.error, ValueError)


class Member(NamedTuple):
  """One file of an archive.

  Attributes:
    name: path within the archive.
    place: offset of its bytes in the archive (of its header in a zip); 0 in a folder.
    stored: bytes it takes in the archive.
    size: bytes of the file.
    check: its CRC-32 where the archive has one, else None.
  """

  name: str
  place: int
  stored: int
  size: int
  check: int | None = None


def is_stream(path: pathlib.Path) -> bool:
  """Whether an archive can only be read from its beginning."""
  return path.is_file() and _first_bytes(path) in _STREAMS


def members(path: pathlib.Path) -> Iterator[Member]:
  """The files of an archive or folder in its order; folders and hidden files are left out.

  Raises:
    ValueError: if it is no archive, is damaged or cut short, or holds what a data set's archive
      cannot hold: links, devices, names that lead out of it, encrypted or very large files.
  """
  if path.is_dir():
    inside = _of_folder(path)
  elif said := _other(path):
    raise ValueError(f"{path} {said}; expected a zip or tar archive, or a folder")
  elif _first_bytes(path) == b"PK":
    inside = _of_zip(path)
  else:
    inside = _of_tar(path)
  for member in inside:
    _check(path, member)
    if not any(map(system_files.left_behind, member.name.split("/"))):
      yield member


def _other(path: pathlib.Path) -> str:
  """What a file is that is no archive, and what to do; "" for archives and what is not known."""
  return kinds.sentence_at(path, "zip", "tar", "gzip", "bzip2", "xz", "empty", "zeros", "npz",
                           "torch", "torchscript", "docx", "xlsx", "pptx", "odt", "ods", "office")


def _first_bytes(path: pathlib.Path) -> bytes:
  with path.open("rb") as file:
    return file.read(2)


def _check(path: pathlib.Path, member: Member) -> None:
  parts = member.name.replace("\\", "/").split("/")
  if ".." in parts or member.name.startswith("/") or parts[0][1:2] == ":" or "\0" in member.name:
    raise ValueError(f"{path} holds {member.name!r}, a name that leads out of the archive; "
                     "expected names below it. Is it the archive of the data set?")
  if member.size > _LIMIT:
    raise ValueError(f"{path} holds {member.name} of {member.size:,} bytes; expected {_LIMIT:,} at "
                     "most. Is it the archive of the data set?")


def _refused(path: pathlib.Path, name: str, what: str) -> ValueError:
  return ValueError(f"{path} holds {name}, {what}; expected files and folders only. Pack the "
                    "archive again without it")


def _of_folder(path: pathlib.Path) -> Iterator[Member]:
  for folder, folders, files in os.walk(path):
    folders.sort()
    for entry in [*folders, *sorted(files)]:
      file = pathlib.Path(folder, entry)
      mode = file.lstat().st_mode
      name = file.relative_to(path).as_posix()
      if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _refused(path, name, "a link or device")
      if stat.S_ISREG(mode):
        size = file.stat().st_size
        yield Member(name, 0, size, size)


def _of_zip(path: pathlib.Path) -> Iterator[Member]:
  try:
    with zipfile.ZipFile(path) as archive:
      infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
  except _DAMAGED as error:
    raise _broken(path, error) from error
  for info in infos:
    mode = info.external_attr >> 16
    if info.is_dir():
      continue
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
      raise _refused(path, info.filename, "a link or device")
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
      raise _refused(path, info.filename, "encrypted or compressed in an unusual way")
    yield Member(info.filename, info.header_offset, info.compress_size, info.file_size, info.CRC)


def _of_tar(path: pathlib.Path) -> Iterator[Member]:
  try:
    with _stream(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
      while (info := archive.next()) is not None:
        archive.members.clear()  # two million of them would take gigabytes
        if not (info.isreg() or info.isdir()) or info.issparse():
          raise _refused(path, info.name, "a link or device")
        if info.isreg():
          yield Member(info.name.removeprefix("./"), info.offset_data, info.size, info.size)
  except _DAMAGED as error:
    if isinstance(error, ValueError) and "expected files" in str(error):
      raise
    raise _broken(path, error) from error


def _broken(path: pathlib.Path, error: Exception) -> ValueError:
  return ValueError(f"{path} does not read as a zip or tar archive ({error}); is it whole? Compare "
                    "its size with the source's and download it again")


def _stream(path: pathlib.Path) -> BinaryIO:
  """The archive's file as an uncompressed stream that can seek."""
  return _STREAMS.get(_first_bytes(path), open)(path, "rb")


class Reader:
  """Reads members of one archive or folder; several threads may use it."""

  def __init__(self, path: pathlib.Path):
    self._path, self._lock = path, threading.Lock()
    self._file = None if path.is_dir() else _stream(path)

  def __enter__(self) -> "Reader":
    return self

  def __exit__(self, *exception: object) -> None:
    if self._file is not None:
      self._file.close()

  def read(self, member: Member) -> bytes:
    """Content of a member.

    Raises:
      ValueError: if the archive is damaged there.
    """
    try:
      if self._file is None:
        return (self._path / member.name).read_bytes()
      with self._lock:
        content = (self._at(member.place, member.size) if member.check is None
                   else self._inflated(member))
      if len(content) != member.size:
        raise EOFError(f"{len(content)} bytes; expected {member.size}")
      if member.check is not None and zlib.crc32(content) != member.check:
        raise ValueError("its checksum differs")
      return content
    except _DAMAGED as error:
      raise ValueError(f"{self._path}: {member.name} does not read ({error}); the archive is "
                       "damaged or has changed: download it again") from error

  def _at(self, place: int, size: int) -> bytes:
    self._file.seek(place)
    return self._file.read(size)

  def _inflated(self, member: Member) -> bytes:
    header = _LOCAL_HEADER.unpack(self._at(member.place, _LOCAL_HEADER.size))
    if header[0] != b"PK\x03\x04":
      raise ValueError("no header there")
    stored = self._at(member.place + _LOCAL_HEADER.size + header[9] + header[10], member.stored)
    if header[3] == zipfile.ZIP_STORED:
      return stored
    return zlib.decompressobj(-15).decompress(stored, member.size)
