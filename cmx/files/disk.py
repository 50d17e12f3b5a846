"""What a disk refuses, in one sentence; and space that is there before anything relies on it."""

import contextlib
import errno
import math
import os
import pathlib
import re
import shutil
from collections.abc import Iterator, Sequence

import numpy as np

_WHY = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota of the disk is used up",
        errno.EROFS: "the disk can only be read", errno.EIO: "the disk fails",
        errno.EACCES: "one may not write there", errno.EPERM: "one may not write there"}
# Libraries say the same in words alone: tensorstore, ArrayRecord, and numpy of a short write.
_WORDS = {"no space left on device|resource_exhausted|[0-9]+ requested and [0-9]+ written":
          errno.ENOSPC, "disk quota exceeded": errno.EDQUOT, "read-only file system": errno.EROFS}
_OF_ITS_PLACE = (errno.EIO, errno.EACCES, errno.EPERM)  # may as well be of a file that is read
_ROOM = "free some, or write somewhere else"
_REMEDY = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EIO: "look at the system's log"}
_BLOCK = 1 << 20  # bytes of zeros written at once, where space cannot be reserved


class NotWritten(OSError):
  """A file or folder that could not be written; the message is a sentence with path and remedy."""

  def __init__(self, sentence: str, number: int):
    super().__init__(sentence)
    self.errno = number


@contextlib.contextmanager
def explained(path: pathlib.Path, needed: int = 0) -> Iterator[None]:
  """Says in one sentence what the disk refuses within the block.

  Args:
    path: what is being written.
    needed: bytes that it takes; 0 where that is not known.

  Raises:
    NotWritten: where the disk, and not the program or its input, is the reason.
  """
  try:
    yield
  except NotWritten:
    raise
  except Exception as error:  # libraries raise errors of many kinds for a full disk
    number = _number(error, path)
    if number is None:
      raise
    raise not_written(path, number, needed) from error


def not_written(path: pathlib.Path, number: int, needed: int = 0) -> NotWritten:
  """The error that says why, and how much is needed and free."""
  size = [f"{needed:,} bytes needed"] if needed else []
  if number in (errno.ENOSPC, errno.EDQUOT) and (free := _free(path)) is not None:
    size.append(f"{free:,} free")
  said = f" ({', '.join(size)})" if size else ""
  remedy = _REMEDY.get(number, "expected a folder of one's own")
  return NotWritten(f"{path} cannot be written: {_WHY[number]}{said}; {remedy}, and run the same "
                    "command again: it goes on", number)


def _number(error: BaseException | None, path: pathlib.Path) -> int | None:
  """The number of the system's error in an error or in what it came from; None for others."""
  while error is not None:
    number = error.errno if isinstance(error, OSError) else None
    if number in _OF_ITS_PLACE:
      return number if str(error.filename).startswith(str(path.parent)) else None
    if number in _WHY:
      return number
    for words, number in _WORDS.items():
      if re.search(words, str(error), re.IGNORECASE):
        return number
    error = error.__cause__ or error.__context__
  return None


def _free(path: pathlib.Path) -> int | None:
  for folder in (path, *path.absolute().parents):
    with contextlib.suppress(OSError):
      return shutil.disk_usage(folder).free
  return None


def reserve(descriptor: int, size: int) -> None:
  """Makes sure that the first `size` bytes of an open file have their place on the disk.

  What is written into a memory map of a file without it ends the process where the disk is full.

  Raises:
    OSError: if there is no place.
  """
  if hasattr(os, "posix_fallocate"):
    os.posix_fallocate(descriptor, 0, max(size, 1))
    return
  for start in range(os.fstat(descriptor).st_size, size, _BLOCK):  # macOS
    os.pwrite(descriptor, bytes(min(_BLOCK, size - start)), start)


def new_array(path: pathlib.Path, dtype: np.dtype, shape: Sequence[int]) -> np.memmap:
  """A new .npy file [...] as a memory map to write to, all of it with its place on the disk.

  Raises:
    NotWritten: if the disk is full.
  """
  dtype, shape = np.dtype(dtype), tuple(map(int, shape))
  size = math.prod(shape) * dtype.itemsize
  with explained(path, size):
    with path.open("wb") as file:
      np.lib.format.write_array_header_1_0(file, {
        "descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
      file.flush()
      reserve(file.fileno(), file.tell() + size)
    return np.lib.format.open_memmap(path, "r+")


def check_room(folder: pathlib.Path, needed: int) -> None:
  """Checks that a folder, which is there, has room for so many bytes; leaves no trace.

  Raises:
    NotWritten: if it has not.
  """
  probe = folder / ".room.tmp"
  with explained(folder, needed):
    try:
      with probe.open("wb") as file:
        reserve(file.fileno(), needed)
    finally:
      probe.unlink(missing_ok=True)
