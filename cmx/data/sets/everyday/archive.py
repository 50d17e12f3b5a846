"""The built set as files: a folder or a zip of `<modality>/<split>/<category>/<file>`."""

import pathlib
import zipfile

NAME = "everyday.zip"  # an already built set, where somebody has one
_LIMIT = 4_000_000  # bytes of one example; the largest is 60 thousand


class Archive:
  """Reads examples by name; None for one that is not there."""

  def __init__(self, path: pathlib.Path):
    self._folder = path if path.is_dir() else None
    self._zip = None if path.is_dir() else zipfile.ZipFile(path)
    self._members = {} if path.is_dir() else {i.filename: i.file_size for i in self._zip.infolist()}

  def __enter__(self) -> "Archive":
    return self

  def __exit__(self, *exception: object) -> None:
    if self._zip is not None:
      self._zip.close()

  def read(self, name: str) -> bytes | None:
    """Bytes of a file. Raises ValueError if it is larger than any example can be."""
    if self._folder is not None:
      path = self._folder / name
      return path.read_bytes() if path.is_file() else None
    if name not in self._members:
      return None
    if self._members[name] > _LIMIT:
      raise ValueError(f"{name} has {self._members[name]} bytes; expected at most {_LIMIT}")
    return self._zip.read(name)
