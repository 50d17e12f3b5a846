"""Paths as users write them: "~" is their home, addresses are no folders, and a place that nothing
can be made in is found before the work and not after it."""

import os
import pathlib
import re
import tempfile

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/")


def own(name: str, path: str) -> str:
  """A file or folder of this machine, its "~" written out; `name` is what messages call it.

  Raises:
    ValueError: if it is an address such as gs://bucket, or of a user who has no home here.
  """
  if match := _ADDRESS.match(path):
    raise ValueError(f"{name} {path!r} is an address, {match[0]}...; expected a file or folder of "
                     "this machine: copy it here, or mount the bucket as a folder")
  if not path.strip():
    raise ValueError(f"{name} is empty; expected a file or folder")
  whole = os.path.expanduser(path)
  if "\0" in path or path.startswith("~") and whole == path:
    raise ValueError(f"{name} {path!r} is no path here: nobody's home; expected one below a home "
                     f"that there is, or ./{path}")
  return whole


def check_there(name: str, path: pathlib.Path) -> None:
  """Raises ValueError unless there is a file or folder of that path; `name` is whose it is."""
  if not path.exists():
    raise ValueError(f"{name} {path}: there is nothing; expected a file or folder that there is")


def check_no_file(name: str, folder: str) -> None:
  """Raises ValueError if what is to be a folder, new or there already, is a file."""
  if os.path.isfile(folder):
    raise ValueError(f"{name} {folder} is a file; expected a folder, new or one's own")


def check_folder(name: str, folder: pathlib.Path) -> None:
  """Checks that files can be written into a folder, which need not exist; leaves no trace.

  Raises:
    ValueError: if they cannot; the message says where and why.
  """
  standing = folder.absolute()
  try:
    while not _stands(standing):
      standing = standing.parent
    with tempfile.TemporaryDirectory(suffix=".tmp", dir=standing):
      pass  # permissions alone say too little: of read-only disks, and of who is root
  except OSError as error:
    raise ValueError(f"{name} {folder}: nothing can be written into {standing}: "
                     f"{error.strerror or error}; expected a folder, new or one's own") from error


def check_file(name: str, file: pathlib.Path) -> None:
  """Checks that a file can be written, also where its folder is not there yet; leaves no trace.

  Raises:
    ValueError: if it cannot, or is a folder.
  """
  if file.is_dir():
    raise ValueError(f"{name} {file} is a folder; expected a file to write")
  check_folder(name, file.parent)


def _stands(path: pathlib.Path) -> bool:
  """Whether there is anything of that name. Raises OSError where there can be nothing."""
  try:
    path.lstat()
  except (FileNotFoundError, NotADirectoryError):
    return path == path.parent
  return True
