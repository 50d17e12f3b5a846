"""Manifests: SHA-256 and size of what is written once, so that damage is noticed and named.

  <folder>/sha256.json          of all files below a folder
  <folder>/<name>.sha256.json   of some files of a folder

A manifest is written last, whole or not at all. What has none is of an older version, or of a
process that was killed just then: it opens, and the log says once that it cannot be checked.
"""

import concurrent.futures
import contextlib
import contextvars
import glob
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from absl import logging

from cmx.files import text as text_lib
from cmx.files import writing
from cmx.runtime import cores
from cmx.runtime import progress

NAME = "sha256.json"
ASIDE = ".damaged"  # how the names of folders end that were set aside
_VERSION = 1
_ITSELF = "is itself damaged; remove it to use the files unchecked, if there are no others"
_SHOWN = 5  # files that a message names
_LARGE = 1 << 30  # bytes from which on checking has a line of progress: a second or more
_UNWATCHED = (writing.TEMPORARY, writing.LOCK)  # how names end of what comes and goes

_read: set[tuple[int, ...]] = set()  # states of files that this process has read and found right
_unchecked: list[pathlib.Path] = []  # the first folder that it has found without a manifest
_content = contextvars.ContextVar("content", default=True)


class Damaged(ValueError):
  """Files that are not as they were written; the message names them and says what to do.

  Attributes:
    manifest: path of what names them.
    files: {name below its folder: what is wrong, in words}.
    what: both in one line.
  """

  def __init__(self, manifest: pathlib.Path, files: Mapping[str, str], remedy: str):
    lines = [f"{manifest.parent / name} {words}" for name, words in files.items()]
    self.manifest, self.files = manifest, files
    self.what = text_lib.some(lines, _SHOWN, "; ")
    super().__init__(f"{self.what}. {remedy}".rstrip())


class Found(NamedTuple):
  """What a manifest says.

  Attributes:
    files: {name: {"sha256", "size", "time": of the last change, ns}}.
    again: how they are had again, a sentence.
  """

  files: dict[str, dict[str, Any]]
  again: str


def of(folder: pathlib.Path) -> pathlib.Path:
  """The manifest of a folder."""
  return folder / NAME


def beside(file: pathlib.Path) -> pathlib.Path:
  """The manifest of a file, and of those whose names differ from its by the suffix alone."""
  return file.with_name(f"{file.stem}.{NAME}")


def seal(manifest: pathlib.Path, again: str, files: Iterable[pathlib.Path] | None = None, *,
         apart: Iterable[str] = ()) -> None:
  """Writes the manifest of files that are whole; to be called last.

  Args:
    manifest: see `of` and `beside`.
    again: how the files are had again where one is damaged: a sentence that says what to run.
    files: of its folder; all below it where None are given.
    apart: names of files that are left out.
  """
  folder = manifest.parent
  chosen = _below(folder, set(apart)) if files is None else sorted(files)
  sizes = {file.relative_to(folder).as_posix(): file.stat() for file in chosen}
  digests = _digests(folder, {name: state.st_size for name, state in sizes.items()})
  found = {name: {"sha256": digests[name], "size": state.st_size, "time": state.st_mtime_ns}
           for name, state in sizes.items()}
  content = {"files": found, "again": again, "version": _VERSION}
  writing.write_text(manifest, json.dumps({**content, "digest": _own(content)}, indent=0))


def write_texts(folder: pathlib.Path, texts: Mapping[str, str], again: str) -> None:
  """Writes text files {name: content}, each whole or not at all, and a manifest beside the first.

  The folder is made if it is not there; `again` is as for `seal`.
  """
  files = {folder / name: text for name, text in texts.items()}
  sealed = beside(next(iter(files)))
  with writing.held(sealed):  # others may write the same
    lift(sealed)
    for file, text in files.items():
      writing.write_text(file, text)
    seal(sealed, again, files)


def lift(manifest: pathlib.Path) -> None:
  """Takes a manifest away, before its files are written anew."""
  manifest.unlink(missing_ok=True)


@contextlib.contextmanager
def lightly() -> Iterator[None]:
  """Within the block files are read only where their size or time of change is another."""
  token = _content.set(False)
  try:
    yield
  finally:
    _content.reset(token)


def check(manifest: pathlib.Path) -> bool:
  """Checks files against their manifest; false where there is none, which the log says once.

  All files are read, each once a process while it stays as it is; see `lightly`.

  Raises:
    Damaged: if a file is missing or another one.
  """
  if not manifest.exists():
    if not _unchecked and _is_there(manifest):
      _unchecked.append(manifest.parent)
      logging.warning("%s has no %s: it is of an older version, or of a process that was killed "
                      "just then. It is used unchecked, and so is all else that has none",
                      manifest.parent, manifest.name)
    return False
  if wrong := differences(manifest):
    raise Damaged(manifest, wrong, "" if manifest.name in wrong else read(manifest).again)
  return True


def damage(manifest: pathlib.Path) -> Damaged | None:
  """What `check` finds wrong with files; None where nothing is."""
  try:
    check(manifest)
  except Damaged as error:
    return error
  return None


def is_whole(manifest: pathlib.Path, then: str) -> bool:
  """Whether files are as they were written, or have no manifest; else the log says it, and `then`.

  Args:
    manifest: see `of` and `beside`.
    then: what is done about damaged ones, a sentence.
  """
  if error := damage(manifest):
    logging.warning("%s. %s", error.what, then)
  return error is None


def _is_there(manifest: pathlib.Path) -> bool:
  """Whether there is something that a manifest which is not there could be of."""
  if manifest.name == NAME:
    return manifest.parent.is_dir() and any(manifest.parent.iterdir())
  stem = manifest.name.removesuffix(f".{NAME}")
  return any(file.stem == stem and not file.name.endswith(_UNWATCHED)
             for file in manifest.parent.glob(f"{glob.escape(stem)}.*"))


def differences(manifest: pathlib.Path) -> dict[str, str]:
  """What is wrong with the files of a manifest, in words, by name; {} where nothing is."""
  folder = manifest.parent
  try:
    files = read(manifest).files
  except Damaged:
    return {manifest.name: _ITSELF}
  wrong, left = {}, {}
  for name, said in files.items():
    try:
      state = (folder / name).stat()
    except OSError:
      wrong[name] = "is missing"
      continue
    if state.st_size != said["size"]:
      wrong[name] = f"has {state.st_size:,} bytes; expected {said['size']:,}"
    elif _key(state) not in _read and (_content.get() or state.st_mtime_ns != said["time"]):
      left[name] = state
  digests = _digests(folder, {name: state.st_size for name, state in left.items()})
  for name, state in left.items():
    if digests[name] != files[name]["sha256"]:
      wrong[name] = "has another content than was written"
    else:
      _read.add(_key(state))
  return wrong


def read(manifest: pathlib.Path) -> Found:
  """What a manifest says.

  Raises:
    Damaged: if it is itself damaged.
  """
  try:
    content = json.loads(manifest.read_bytes())
    if content.pop("digest") == _own(content):
      return Found(content["files"], content["again"])
  except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
    pass
  raise Damaged(manifest, {manifest.name: _ITSELF}, "")


def _own(content: dict[str, Any]) -> str:
  """SHA-256 of what a manifest says, so that its own damage is not taken for that of a file."""
  return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def below(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """All manifests below a folder, in order."""
  for place, folders, files in os.walk(folder):
    folders.sort()
    yield from (pathlib.Path(place, name) for name in sorted(files)
                if name == NAME or name.endswith(f".{NAME}"))


def _below(folder: pathlib.Path, apart: set[str]) -> list[pathlib.Path]:
  return sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in apart
                and file.name != NAME and not file.name.endswith(_UNWATCHED))


def _key(state: os.stat_result) -> tuple[int, ...]:
  """What changes with a file's content, by whatever means within this system."""
  return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _digests(folder: pathlib.Path, sizes: dict[str, int]) -> dict[str, str]:
  """SHA-256 of files by name, some at a time: a second a gigabyte a core."""
  total, done = sum(sizes.values()), 0
  found = {}
  with concurrent.futures.ThreadPoolExecutor(max(1, min(4, cores.count()))) as pool:
    futures = {pool.submit(digest, folder / name): name for name in sizes}
    if total < _LARGE:
      return {name: future.result() for future, name in futures.items()}
    with progress.Progress(f"checking {folder}", total // 1_000_000, "MB") as line:
      for future in concurrent.futures.as_completed(futures):
        found[futures[future]] = future.result()
        done += sizes[futures[future]]
        line.update(done // 1_000_000)
  return found


def digest(file: pathlib.Path) -> str:
  """SHA-256 of a file, hexadecimal."""
  with file.open("rb") as stream:
    return hashlib.file_digest(stream, "sha256").hexdigest()
