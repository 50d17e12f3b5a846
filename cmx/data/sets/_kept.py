"""Records that are kept as they were made: damaged ones are noticed and made again."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence

from absl import logging

from cmx.files import manifest

AGAIN = "Run launch.prepare with the same config: it is made again from its sources"


def are_whole(folders: Sequence[pathlib.Path]) -> bool:
  """Whether all folders are there as they were made, and nothing is left to be done about them."""
  for folder in folders:
    if _damage(folder):
      return False
    if not manifest.of(folder).exists() and (not folder.exists() or os.access(folder, os.W_OK)):
      return False
  return True


@contextlib.contextmanager
def made_again(folders: Sequence[pathlib.Path]) -> Iterator[None]:
  """Sets damaged folders of records aside for a block that makes those that are missing.

  Where the block fails, for its sources are not there, they are put back. After it, each has a
  manifest.

  Raises:
    ValueError: if the block fails and something was damaged; the message says both.
  """
  aside = {folder: error.what for folder in folders if (error := _damage(folder))}
  for folder, what in aside.items():
    logging.warning("%s. It is made again from its sources", what)
    shutil.rmtree(_aside(folder), ignore_errors=True)
    folder.replace(_aside(folder))
  try:
    yield
  except Exception as error:
    for folder in aside:
      if not folder.exists():
        _aside(folder).replace(folder)
    if not aside:
      raise
    raise ValueError(f"{'; '.join(aside.values())}. It cannot be made again: {error}") from error
  for folder in folders:
    shutil.rmtree(_aside(folder), ignore_errors=True)
    if folder.exists() and not manifest.of(folder).exists():
      manifest.seal(manifest.of(folder), AGAIN)


def _damage(folder: pathlib.Path) -> manifest.Damaged | None:
  known = manifest.of(folder)  # what has none is new, or to be given one
  return manifest.damage(known) if known.exists() else None


def _aside(folder: pathlib.Path) -> pathlib.Path:
  return folder.with_name(f"{folder.name}{manifest.ASIDE}")
