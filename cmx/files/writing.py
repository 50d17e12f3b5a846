"""Files and folders whole or not at all, and locks: who comes second finds the work done."""

import contextlib
import errno
import os
import pathlib
import platform
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import IO

from absl import logging
import numpy as np

from cmx.files import disk
from cmx.files import reading

try:
  import fcntl
except ImportError:  # Linux and macOS have it
  fcntl = None

TEMPORARY = ".tmp"  # how the names of unfinished files end, and of unfinished folders:
INCOMPLETE = ".incomplete"
LOCK = ".lock"
_SHOWN = 300  # characters of a command that a lock keeps


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
  """Holds the lock of a file or folder; the lock is the file `<path>.lock` beside it."""
  with _lock_of(path) as file:
    if not _taken(file):
      logging.info("waiting for %s, on which %s works", path, _holder(file))
      take(file)
    _sign(file)
    yield


@contextlib.contextmanager
def claimed(path: pathlib.Path) -> Iterator[bool]:
  """Holds the lock of `held` and gives true; false, at once, where another process holds it."""
  with _lock_of(path) as file:
    mine = _taken(file)
    if mine:
      _sign(file)
    yield mine


def holder(path: pathlib.Path) -> str:
  """Who holds the lock of `held`, or held it last, in words."""
  with _lock_of(path) as file:
    return _holder(file)


def _lock_of(path: pathlib.Path) -> IO[bytes]:
  path.parent.mkdir(parents=True, exist_ok=True)
  # Unbuffered: what a full disk has refused would be tried, and refused, again by closing it.
  return path.with_name(f"{path.name}{LOCK}").open("a+b", buffering=0)


def _taken(file: IO) -> bool:
  """Takes the lock of an open file and gives true; false where another process holds it."""
  try:
    take(file, wait=False)
  except BlockingIOError:
    return False
  return True


def _sign(file: IO[bytes]) -> None:
  """Says in the lock who holds it; a disk that is full need not know."""
  who = f"process {os.getpid()} on {platform.node()} ({shlex.join(sys.argv)[:_SHOWN]})"
  with contextlib.suppress(OSError):
    file.truncate(0)
    file.write(who.encode(errors="backslashreplace"))
    file.flush()


def _holder(file: IO[bytes]) -> str:
  file.seek(0)
  return file.read(2 * _SHOWN).decode(errors="replace") or "another process"


def take(file: IO, wait: bool = True) -> None:
  """Locks an open file until it is closed, which it is at the end of its process, however it ends.

  Raises:
    BlockingIOError: if another process holds it and `wait` is false.
    OSError: where the system, or the file system that the file is on, has no such locks.
  """
  if fcntl is None:
    raise OSError("this system has no locks between processes (fcntl); expected Linux or macOS. On "
                  "Windows run cmx in WSL")
  try:
    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
  except OSError as error:
    if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
      raise
    raise OSError(f"{file.name}: its file system has no locks between processes "
                  f"({error.strerror}); expected one that has: a local disk, or NFS mounted with "
                  "locks") from error


@contextlib.contextmanager
def whole(path: pathlib.Path) -> Iterator[IO[bytes]]:
  """A file to write to, which takes the place of `path` once the block has ended well.

  Whoever reads `path`, or is killed, sees all of the old file or all of the new one; after a loss
  of power too, since the content is on the disk before the name is. Of several processes that
  write the same file each waits for the one before, and what a killed one has left is written over.

  Raises:
    disk.NotWritten: if the disk is full, or nothing can be written there.
  """
  temporary = path.with_name(f"{path.name}{TEMPORARY}")
  with disk.explained(path), _alone(temporary) as file:
    try:
      yield file
      file.flush()
      os.fsync(file.fileno())
      temporary.replace(path)
    except BaseException:
      temporary.unlink(missing_ok=True)
      raise
    sync(path.parent)


@contextlib.contextmanager
def _alone(temporary: pathlib.Path) -> Iterator[IO[bytes]]:
  """An empty file that no other process has open to write to, where the system has locks."""
  def keep(name: str, flags: int) -> int:  # another process may be writing it
    return os.open(name, flags & ~os.O_TRUNC, 0o666)

  while True:
    with open(temporary, "wb", opener=keep) as file:
      with contextlib.suppress(OSError):
        take(file)
      if _is_at(file, temporary):
        file.truncate(0)
        yield file
        return


def _is_at(file: IO, path: pathlib.Path) -> bool:
  """Whether an open file is the one of that name: whoever had it before has given it another."""
  try:
    return os.path.samestat(os.fstat(file.fileno()), path.stat())
  except FileNotFoundError:
    return False


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes a file whole or not at all, in UTF-8 and with its line ends as they are."""
  with whole(path) as file:
    file.write(text.encode())


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes arrays [any] by name as an .npz file, whole or not at all."""
  with whole(path) as file:
    np.savez(file, **arrays)


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The arrays [any] of an .npz file by name; none of them is a program.

  Raises:
    ValueError: if the file is damaged.
  """
  try:
    with path.open("rb") as file, np.load(file) as stored:
      return dict(stored)
  except OSError:
    raise
  except reading.DAMAGED as error:
    raise ValueError(f"{path} cannot be read: {error}") from error


@contextlib.contextmanager
def whole_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """An empty folder to fill, which takes the place of `path` once the block has ended well.

  Raises:
    disk.NotWritten: if the disk is full, or nothing can be written there.
  """
  temporary = path.with_name(f"{path.name}{INCOMPLETE}")
  with disk.explained(path):
    shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
    temporary.mkdir(parents=True)
    try:
      yield temporary
      shutil.rmtree(path, ignore_errors=True)
      settle(temporary, path)
    except BaseException:
      shutil.rmtree(temporary, ignore_errors=True)
      raise


def settle(temporary: pathlib.Path, path: pathlib.Path) -> None:
  """Gives a finished file or folder its name, once it is on the disk with all that is in it."""
  sync_all(temporary)
  temporary.replace(path)
  sync(path.parent)


def sync_all(path: pathlib.Path) -> None:
  """Returns when a file, or a folder with all that is in it, is on the disk."""
  for part in (*path.rglob("*"), path):
    sync(part)


def sync(path: pathlib.Path) -> None:
  """Returns when a file is on the disk, or what a folder says of its files."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    # Some network file systems cannot sync a folder; a file that cannot be is a full disk.
    with contextlib.suppress(*[OSError] * path.is_dir()):
      os.fsync(descriptor)
  finally:
    os.close(descriptor)
