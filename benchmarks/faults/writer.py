"""A process that writes what cmx writes, by its own means, to be killed, stopped and starved.

  python -m benchmarks.faults.writer FOLDER [n [WITHOUT]]

It is killed by SIGKILL just before file operation n, 0 for none; WITHOUT names one of `WITHOUT`, a
means of cmx that it then lacks: the control, in which faults have to show.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import signal
import sys
from collections.abc import Callable

import numpy as np

from cmx.files import disk
from cmx.files import manifest
from cmx.files import writing
from cmx.runtime import progress
from cmx.runtime import signals

_OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
_SIZE = 20_000  # numbers of an array
_COUNT = 6  # of each


def write_all(folder: pathlib.Path) -> None:
  """Texts, arrays, folders and a table that are not there yet, as every stage does."""
  with progress.Progress("writing", 3 * _COUNT, "files") as line:
    for number in range(_COUNT):
      _arrays(folder / "mixtures" / f"fc{number}.npz", number)
      line.update(3 * number)
      _features(folder / "features" / str(number), number)
      line.update(3 * number + 1)
      _table(folder, number)


def _numbers(seed: int) -> np.ndarray:
  return np.random.default_rng(seed).normal(size=_SIZE)


def _arrays(path: pathlib.Path, seed: int) -> None:
  with writing.held(path):
    if not (path.exists() and manifest.check(manifest.beside(path))):
      manifest.lift(manifest.beside(path))
      writing.write_arrays(path, {"mean": _numbers(seed)})
      manifest.seal(manifest.beside(path), "Run it again", [path])


def _features(folder: pathlib.Path, seed: int) -> None:
  with writing.held(folder):
    if not (folder.exists() and manifest.check(manifest.of(folder))):
      with writing.whole_folder(folder) as unfinished:
        array = disk.new_array(unfinished / "fc7.npy", np.float64, (_SIZE,))
        array[:] = _numbers(seed)
        array.flush()
        (unfinished / "key.json").write_text(json.dumps(list(range(50))))
        manifest.seal(manifest.of(unfinished), "Run it again")


def _table(folder: pathlib.Path, number: int) -> None:
  manifest.write_texts(folder, {f"table.{suffix}": f"{suffix} of {number}\n" * 300
                                for suffix in ("json", "txt", "csv")}, "Run it again")


def digest(folder: pathlib.Path) -> str:
  """Of every file but locks and the times in manifests; a left-over makes it another."""
  total = hashlib.sha256()
  for path in sorted(folder.rglob("*")):
    total.update(b"" if path.name.endswith(writing.LOCK) else
                 path.relative_to(folder).as_posix().encode())
    if path.is_file() and not path.name.endswith((writing.LOCK, manifest.NAME)):
      total.update(path.read_bytes())
  return total.hexdigest()[:16]


def _kill_before(count: int) -> None:
  left = [count]

  def hook(event: str, arguments: tuple) -> None:
    if event in _OPERATIONS:
      left[0] -= 1
      if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

  sys.addaudithook(hook)


@contextlib.contextmanager
def _in_place(path: pathlib.Path):
  """Writes a file where it is read, as a program does that thinks of no fault."""
  with path.open("wb") as file:
    yield file


@contextlib.contextmanager
def _folder_in_place(path: pathlib.Path):
  path.mkdir(parents=True, exist_ok=True)
  yield path


def _trust_what_is_there() -> None:
  writing.whole, writing.whole_folder = _in_place, _folder_in_place
  manifest.check = lambda path: True


def _lock_nothing() -> None:
  writing.take = lambda file, wait=True: None


def _explain_nothing() -> None:
  disk.explained = lambda path, needed=0: contextlib.nullcontext()


WITHOUT: dict[str, Callable[[], None]] = {
  "whole files": _trust_what_is_there, "locks": _lock_nothing, "sentences": _explain_nothing,
  "handlers": lambda: None}


def main(folder: str, kill_before: str = "0", without: str = "") -> None:
  if without:
    WITHOUT[without]()
  with contextlib.nullcontext() if without == "handlers" else signals.guarded():
    print("on", flush=True)
    if int(kill_before):
      _kill_before(int(kill_before))
    try:
      write_all(pathlib.Path(folder))
    except OSError as error:  # as launch.common says it
      sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
  main(*sys.argv[1:])
