"""Files and folders whole or not at all, and locks: who comes second finds the work done."""

import contextlib
import os
import pathlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

import numpy as np

try:
  import fcntl
except ImportError:  # Linux and macOS have it
  fcntl = None

TEMPORARY = ".tmp"  # how the names of unfinished files end, and of unfinished folders:
INCOMPLETE = ".incomplete"


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
  """Holds the lock of a file or folder; the lock is the file `<path>.lock` beside it."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with path.with_name(f"{path.name}.lock").open("a") as file:
    take(file)
    yield


@contextlib.contextmanager
def claimed(path: pathlib.Path) -> Iterator[bool]:
  """Holds the lock of `held` and gives true; false, at once, where another process holds it."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with path.with_name(f"{path.name}.lock").open("a") as file:
    try:
      take(file, wait=False)
    except BlockingIOError:
      yield False
      return
    yield True


def take(file: IO, wait: bool = True) -> None:
  """Locks an open file until it is closed, which it is at the end of its process, however it ends.

  Raises:
    BlockingIOError: if another process holds it and `wait` is false.
    OSError: where the system has no such locks.
  """
  if fcntl is None:
    raise OSError("this system has no locks between processes (fcntl); expected Linux or macOS. On "
                  "Windows run cmx in WSL")
  fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@contextlib.contextmanager
def whole(path: pathlib.Path) -> Iterator[IO[bytes]]:
  """A file to write to, which takes the place of `path` once the block has ended well.

  Whoever reads `path`, or is killed, sees all of the old file or all of the new one; after a loss
  of power too, since the content is on the disk before the name is.
  """
  temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
  try:
    with temporary.open("wb") as file:
      yield file
    settle(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


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
  except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
    raise ValueError(f"{path} cannot be read: {error}") from error


@contextlib.contextmanager
def whole_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """An empty folder to fill, which takes the place of `path` once the block has ended well."""
  temporary = path.with_name(f"{path.name}{INCOMPLETE}")
  shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
  temporary.mkdir(parents=True)
  yield temporary
  shutil.rmtree(path, ignore_errors=True)
  settle(temporary, path)


def settle(temporary: pathlib.Path, path: pathlib.Path) -> None:
  """Gives a finished file or folder its name, once it is on the disk with all that is in it."""
  for part in (*temporary.rglob("*"), temporary):
    _sync(part)
  temporary.replace(path)
  _sync(path.parent)


def _sync(path: pathlib.Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)
  try:
    # Some network file systems cannot sync a folder; a file that cannot be is a full disk.
    with contextlib.suppress(*[OSError] * path.is_dir()):
      os.fsync(descriptor)
  finally:
    os.close(descriptor)
