"""Items of a root folder: root/<modality>/<split>/<class>/<file> and root/<modality>/<split>.npz.

What desktops leave behind is passed over and counted. Links are followed, and named where they lead
to what is listed itself. Folders of another layout are refused with the way to this one.
"""

import os
import pathlib
import shlex
from collections.abc import Iterator

from cmx.data.sets.folders import items as items_lib
from cmx.files import kinds
from cmx.files import reading
from cmx.files import system_files
from cmx.files import text as text_lib

_NAMED = 5  # folders that a message names


def of_root(root: pathlib.Path, notes: items_lib.Notes) -> Iterator[items_lib.Item]:
  """Items below a root, in a stable order; what else is there goes into the notes.

  Raises:
    ValueError: if the layout is another one, or a folder may not be listed.
  """
  _check_level(root)
  modalities = []
  for entry in _entries(root, notes):
    if not os.path.isdir(entry.path):
      notes.passed[entry.name] += 1  # a README or a licence beside the modalities
      continue
    name = items_lib.modality(entry.name)
    if why := items_lib.why_no_modality(name):
      notes.bad.append(items_lib.Bad(entry.name, f"modality's name; {why}"))
      continue
    if name in modalities:
      notes.remarks.append(f"modality {name!r} is there under two names, which are read as one")
    modalities.append(name)
    _say_link(entry, root, notes)
    yield from _of_modality(root, entry.name, notes)


def folders(root: pathlib.Path) -> list[str]:
  """Names of the modalities' folders below a root."""
  return [items_lib.modality(entry.name) for entry in _entries(root) if os.path.isdir(entry.path)]


def _entries(folder: pathlib.Path, notes: items_lib.Notes | None = None) -> list[os.DirEntry]:
  """What is in a folder, by name; what was left behind there goes into the notes."""
  try:
    with os.scandir(folder) as entries:
      listed = sorted(entries, key=lambda entry: entry.name)
  except PermissionError as error:
    raise ValueError(f"{folder} may not be read; expected a folder that you may list") from error
  if notes is not None:
    notes.passed.update(entry.name for entry in listed if system_files.left_behind(entry.name))
  return [entry for entry in listed if not system_files.left_behind(entry.name)]


def _folders_in(folder: str | pathlib.Path) -> list[os.DirEntry]:
  return [entry for entry in _entries(folder) if os.path.isdir(entry.path)]


def _check_level(root: pathlib.Path) -> None:
  """Refuses a root that has splits first, is one modality's folder, or is a level too high."""
  listed = _folders_in(root)
  names = [entry.name for entry in listed]
  if names and all(name.lower() in items_lib.SPLITS for name in names):
    first = next((f"{outer.name}/{inner.name}/{least.name}" for outer in listed
                  for inner in _folders_in(outer.path) for least in _folders_in(inner.path)
                  if not any(entry.is_file() for entry in _entries(inner.path))), None)
    if first is None:
      raise ValueError(f"{root} has folders {', '.join(names)} where modalities are expected; "
                       f"give the folder above it, {root.absolute().parent}")
    split, modality, least = first.split("/")
    splits = " ".join(map(shlex.quote, names))
    raise ValueError(
      f"{root} has splits first, as in {text_lib.shown(first)}; splits come second: "
      f"{text_lib.shown(f'{modality}/{split}/{least}')}. To turn them: cd "
      f'{shlex.quote(str(root))} && for s in {splits}; do for m in "$s"/*; do mkdir -p '
      '"${m#*/}" && mv "$m" "${m#*/}/$s"; done; rmdir "$s"; done')
  if listed and not any(_split(path) for entry in listed for path in _entries(entry.path)):
    below = [entry for entry in listed if any(
      _split(path) for inner in _folders_in(entry.path) for path in _entries(inner.path))]
    if below:
      raise ValueError(f"{root} has folders {', '.join(names[:_NAMED])} where modalities are "
                       f"expected; give the folder below it, {below[0].path}")


def _split(entry: os.DirEntry) -> str | None:
  """The split that a folder or table stands for, or None."""
  path = pathlib.PurePath(entry.name)
  table = path.suffix.lower() == reading.TABLE
  return items_lib.SPLITS.get((path.stem if table else entry.name).lower().strip())


def _of_modality(root: pathlib.Path, name: str,
                 notes: items_lib.Notes) -> Iterator[items_lib.Item]:
  entries, given = _entries(root / name, notes), {}
  for entry in entries:
    if split := _split(entry):
      given.setdefault(split, []).append(entry.name)
  for split, names in given.items():
    if len(names) > 1:
      notes.remarks.append(f"modality {items_lib.modality(name)!r} has {' and '.join(names)}, "
                           f"which are read as one split, {split}")
  if not given and len(entries) > 1:
    named = ", ".join(text_lib.shown(entry.name) for entry in entries[:_NAMED])
    notes.bad.append(items_lib.Bad(name, f"{named}{' ...' * (len(entries) > _NAMED)} where splits "
                                   f"are expected; expected {name}/train/<class>/<file> and "
                                   f"{name}/validation/<class>/<file>"))
    return
  for entry in entries:
    path, split = pathlib.PurePath(name, entry.name), _split(entry)
    if split is None:
      what = "a split" if os.path.isdir(entry.path) else "a split's folder or table"
      notes.bad.append(items_lib.Bad(f"{path}", _link(entry) or f"not {what}; expected {name}/train"
                                     f" and {name}/validation, with a folder a class in each"))
    elif os.path.isdir(entry.path):
      _say_link(entry, root, notes)
      yield from _of_split(root, path, split, notes)
    elif path.suffix.lower() == reading.TABLE:
      yield from _of_table(root, path, split, notes.bad)
    else:
      notes.bad.append(items_lib.Bad(f"{path}", _link(entry) or
                                     "a file; expected a folder or an .npz table"))


def _of_split(root: pathlib.Path, path: pathlib.PurePath, split: str,
              notes: items_lib.Notes) -> Iterator[items_lib.Item]:
  seen: dict[str, str] = {}
  for entry in _entries(root / path, notes):
    folder = path / entry.name
    if not os.path.isdir(entry.path):
      notes.bad.append(items_lib.Bad(f"{folder}", _link(entry) or
                                     f"not in a class's folder; expected {path}/<class>/<file>"))
      continue
    try:
      name = reading.class_name(entry.name)
    except reading.Unusable as error:
      notes.bad.append(items_lib.Bad(f"{folder}", f"{error}"))
      continue
    if name in seen:
      notes.remarks.append(f"folders {seen[name]!a} and {entry.name!a} in {path} are read as one "
                           f"class, {name}")
    seen[name] = entry.name
    _say_link(entry, root, notes)
    yield from _of_class(root, folder, split, name, notes)


def _of_class(root: pathlib.Path, folder: pathlib.PurePath, split: str, name: str,
              notes: items_lib.Notes) -> Iterator[items_lib.Item]:
  entries = _entries(root / folder, notes)
  if not entries:
    notes.remarks.append(f"a class's folder without files: {text_lib.shown(str(folder))}")
  if len(entries) > 1 and all(os.path.isdir(entry.path) for entry in entries):
    named = ", ".join(text_lib.shown(entry.name) for entry in entries[:_NAMED])
    notes.bad.append(items_lib.Bad(f"{folder}", f"folders ({named}{' ...' * (len(entries) > 5)}) "
                                   "inside a class's folder, and no files; classes lie one level "
                                   f"deep: {folder.parent}/<class>/<file>"))
    return
  for entry in entries:
    file = folder / entry.name
    kind = reading.kind(file)
    if not os.path.isfile(entry.path):
      what = ("a folder inside a class's folder; expected files" if os.path.isdir(entry.path)
              else "neither a file nor a folder; expected files")
      notes.bad.append(items_lib.Bad(f"{file}", _link(entry) or what))
    elif kind is None:
      notes.bad.append(items_lib.Bad(f"{file}", unknown(file, pathlib.Path(entry.path))))
    else:
      yield items_lib.Item(items_lib.modality(folder.parts[0]), split, name, kind,
                           file.as_posix(), root / file)


def unknown(file: pathlib.PurePath, path: pathlib.Path) -> str:
  """Why a file whose suffix stands for no kind of input is refused, and what it is by its bytes."""
  known = " ".join(suffix for suffixes in reading.SUFFIXES.values() for suffix in suffixes)
  inside = kinds.sentence_at(path)
  return (f"file type {file.suffix or 'without suffix'}; expected one of {known}"
          + (f". It {inside}" if inside else ""))


def _link(entry: os.DirEntry) -> str:
  """Why a link leads to nothing; "" of what is no such link."""
  if not entry.is_symlink() or os.path.exists(entry.path):
    return ""
  target = text_lib.shown(os.readlink(entry.path))
  try:
    os.stat(entry.path)
  except FileNotFoundError:
    here = "" if os.path.isabs(target) else ": a link is read from the folder that it is in"
    return f"a link to {target}, which is not there{here}; expected files, or a link to where " \
           "they are"
  except OSError:
    return f"a link to {target}, which leads back to itself; expected files"
  return ""


def _say_link(entry: os.DirEntry, root: pathlib.Path, notes: items_lib.Notes) -> None:
  """A remark on a link to a folder that is below the root itself: its files count twice."""
  if entry.is_symlink():
    target, top = os.path.realpath(entry.path), os.path.realpath(root)
    if os.path.commonpath([target, top]) == top:
      here = os.path.relpath(entry.path, root)
      notes.remarks.append(f"{text_lib.shown(here)} is a link to "
                           f"{text_lib.shown(os.path.relpath(target, top))}, whose files count "
                           "under both names")


def _of_table(root: pathlib.Path, path: pathlib.PurePath, split: str,
              bad: list[items_lib.Bad]) -> Iterator[items_lib.Item]:
  try:
    names, _ = reading.table_labels(root / path)
  except reading.Unusable as error:
    bad.append(items_lib.Bad(f"{path}", f"{error}"))
    return
  for row, name in enumerate(names):
    yield items_lib.Item(items_lib.modality(path.parts[0]), split, name, "vector",
                         f"{path.as_posix()}#{row}", root / path, row)
