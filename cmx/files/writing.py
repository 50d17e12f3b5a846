"""Files written whole or not at all, and locks: who comes second waits, and finds the work done."""

import contextlib
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

import numpy as np

try:
  import fcntl
except ImportError:  # Linux and macOS have it
  fcntl = None


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


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes a file whole or not at all."""
  temporary = path.with_name(path.name + ".tmp")
  temporary.write_text(text)
  os.replace(temporary, path)


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes arrays [any] by name as an .npz file, whole or not at all."""
  temporary = path.with_name(path.name + ".tmp")
  with temporary.open("wb") as file:
    np.savez(file, **arrays)
  os.replace(temporary, path)


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
