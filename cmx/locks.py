"""Locks between processes: who comes second waits, and then finds the work done."""

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def held(path: pathlib.Path) -> Iterator[None]:
  """Holds the lock of a file or folder; the lock is the file `<path>.lock` beside it."""
  path.parent.mkdir(parents=True, exist_ok=True)
  with path.with_name(f"{path.name}.lock").open("a") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield
