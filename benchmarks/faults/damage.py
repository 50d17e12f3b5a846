"""Damage to files: flipped bits, cuts, deletions, swaps; noticed, made good, or silent."""

import contextlib
import os
import pathlib
import random
import shutil
from collections.abc import Iterator

from benchmarks.faults import artefacts
from benchmarks.faults import counts
from cmx.files import manifest

WAYS = ("flip", "cut", "deletion", "swap")


def try_all(root: pathlib.Path, trials: int, seed: int = 0,
            only: tuple[str, ...] = ()) -> list[counts.Outcome]:
  """Damages files of each kind, one at a time, and reads them.

  Args:
    root: empty folder to work in.
    trials: of each kind.
    seed: of what is damaged, and how.
    only: kinds to try; all where none are given.
  """
  kinds, rng, found = artefacts.make(root), random.Random(seed), []
  for kind in kinds:
    if only and kind.name not in only:
      continue
    kept, expected = root / "kept", kind.read()
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(kind.folder, kept)
    for trial in counts.numbered(f"damaged {kind.name}", trials):
      artefacts.restore(kept, kind.folder)
      way = WAYS[trial % len(WAYS)]
      path = _damage(kind.folder, way, rng)
      if path is not None:
        found.append(_outcome(kind, way, path, expected))
  return found


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
  """The control: within the block manifests are not looked at, and damage has to be silent."""
  check, manifest.check = manifest.check, lambda path: False
  try:
    yield
  finally:
    manifest.check = check


def _damage(folder: pathlib.Path, way: str, rng: random.Random) -> pathlib.Path | None:
  """Damages a file as a disk does, its times unchanged; None where there is nothing to do."""
  files = sorted(path for path in folder.rglob("*") if path.is_file()
                 and not path.name.endswith(".lock") and path.stat().st_size)
  path = rng.choice(files)
  state, content = path.stat(), path.read_bytes()
  if way == "deletion":
    path.unlink()
    return path
  if way == "flip":
    bit = rng.randrange(8 * len(content))
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
  elif way == "cut":
    changed = content[:rng.randrange(len(content))]
  else:
    others = [other for other in files if other.suffix == path.suffix and other != path]
    changed = rng.choice(others).read_bytes() if others else content
    if changed == content:
      return None
  path.write_bytes(changed)
  os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
  return path


def _outcome(kind: artefacts.Kind, way: str, path: pathlib.Path,
             expected: str) -> counts.Outcome:
  fault, what = f"{way} in {kind.name}", str(path)
  try:
    given = kind.read()
  except (ValueError, OSError) as error:
    named = path.name in str(error) or str(path.parent) in str(error)
    return counts.Outcome(fault, counts.SURVIVED if named else counts.LOST, f"{what}: {error}")
  except Exception as error:  # what a user would see as a traceback
    return counts.Outcome(fault, counts.LOST, f"{what}: {type(error).__name__}: {error}")
  return counts.Outcome(fault, counts.SURVIVED if given == expected else counts.SILENT, what)
