"""Items of a manifest: a table with path (or text), modality, split and class; paths beside it.

A path may be written in any form that leads to one file below the manifest's folder: with blanks
around it, ./ or ~/ in front, backslashes, %20, accents in the other form, or absolute.
"""

import functools
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any
from urllib import parse

from cmx.data.sets.folders import items as items_lib
from cmx.data.sets.folders import walking
from cmx.files import kinds
from cmx.files import reading
from cmx.files import tables
from cmx.files import text as text_lib

_COLUMNS = ("path", "text", "modality", "split", "class")
_NEEDED = ("modality", "split", "class")
_SHOWN, _LONG = 60, 300  # characters of a value that a message quotes, and of a path


def of_file(manifest: pathlib.Path, notes: items_lib.Notes) -> Iterator[items_lib.Item]:
  """Items of a manifest, in its order; rows that cannot be used go into the notes.

  Raises:
    ValueError: if it is no such table at all, or goes wrong so that no later row can be told.
  """
  if not manifest.is_file():
    raise ValueError(f"{manifest} is neither a folder nor a file; expected {items_lib.LAYOUT}")
  if manifest.suffix.lower() not in tables.SUFFIXES:
    inside = kinds.sentence_at(manifest)
    raise ValueError(f"{manifest} is a file of type {manifest.suffix or 'none'}; expected "
                     f"{items_lib.LAYOUT}" + (f". It {inside}" if inside else ""))
  empty, names = 0, functools.cache(_names)
  for row in tables.rows(manifest, _COLUMNS, (("path", "text"), *zip(_NEEDED)), _is_row):
    where = f"{manifest.name}:{row.line}"
    if row.empty:
      empty += 1
      continue
    try:
      if row.values is None and row.why:
        raise reading.Unusable(row.why)
      yield _of_row(manifest, row, names)
    except reading.Unusable as error:
      notes.bad.append(items_lib.Bad(where, f"{error}"))
  if empty:
    notes.remarks.append(f"{empty} empty {'row' if empty == 1 else 'rows'} of {manifest.name} "
                         "passed over")


def _is_row(values: dict[str, str]) -> bool:
  return values.get("split", "").strip().lower() in items_lib.SPLITS


def _of_row(manifest: pathlib.Path, row: tables.Row, names: Any) -> items_lib.Item:
  values = _values(manifest, row)
  modality = items_lib.modality(values["modality"].strip())
  split = items_lib.SPLITS.get(values["split"].strip().lower())
  if why := items_lib.why_no_modality(modality):
    raise reading.Unusable(f"modality {text_lib.shown(modality, _SHOWN)!r}; {why}")
  if split is None:
    raise reading.Unusable(f"split {text_lib.shown(values['split'], _SHOWN)!r}; expected train or "
                           "validation")
  name = reading.class_name(values["class"])
  given, written = values["path"].strip(), values["text"]
  if bool(given) == bool(written.strip()):
    raise reading.Unusable(f"{'both' if given else 'neither'} path and text; expected one of them")
  if not given:
    return items_lib.Item(modality, split, name, "text", f"{manifest.name}#{row.line}", None,
                          text=reading.cleaned(written))
  relative = _relative(manifest, given, names)
  kind = reading.kind(relative)
  if kind is None:
    raise reading.Unusable(f"{relative}: {walking.unknown(relative, manifest.parent / relative)}")
  path = manifest.parent / relative
  return items_lib.Item(modality, split, name, kind, f"{relative.as_posix()}#{row.line}", path)


def _values(manifest: pathlib.Path, row: tables.Row) -> dict[str, str]:
  """What a row says of each column; "" of those that it leaves out."""
  if not isinstance(row.values, dict):
    raise reading.Unusable(f"{text_lib.shown(repr(row.values), _SHOWN)}; expected an object with "
                           f"{', '.join(_COLUMNS)}")
  values = {name: "" if row.values.get(name) is None else row.values[name] for name in _COLUMNS}
  for name, value in values.items():
    if not isinstance(value, str):
      raise reading.Unusable(f"{name} {text_lib.shown(repr(value), _SHOWN)}; expected a string")
    if (at := text_lib.lone_surrogate(value)) is not None:
      raise reading.Unusable(f"{name} with {ascii(value[at])[1:-1]} at character {at + 1}, half of "
                             "a pair; expected valid Unicode")
  missing = [name for name in _NEEDED if row.values.get(name) is None]
  if missing:
    if row.why:
      raise reading.Unusable(row.why)
    given = ", ".join(text_lib.shown(name, _SHOWN) for name in row.values)
    raise reading.Unusable(f"no {', '.join(missing)}; the row has {given or 'nothing'}")
  return values


def _relative(manifest: pathlib.Path, given: str, names: Any) -> pathlib.PurePath:
  """The path of a file below the manifest's folder, as it is on disk. Raises `Unusable`."""
  shown, base = text_lib.shown(given, _LONG), manifest.parent
  if re.match(r"\w\w+://", given):
    raise reading.Unusable(f"path {shown!r} is an address; expected a file beside the manifest")
  if "\0" in given:
    raise reading.Unusable(f"path {shown!r} has a NUL in it; expected a path")
  first = None
  forms = (given, given.replace("\\", "/"), os.path.expanduser(given), parse.unquote(given))
  for form in dict.fromkeys(form for form in forms if "\0" not in form):
    relative = pathlib.PurePath(os.path.normpath(form))
    if relative.is_absolute():
      relative = _below(relative, base) or relative
    first = first or relative
    if relative.is_absolute() or relative.parts[:1] == ("..",):
      continue
    if place := _on_disk(base, relative, names):
      return place
  if first.is_absolute() or first.parts[:1] == ("..",):
    raise reading.Unusable(f"path {shown!r} leaves the manifest's folder; expected one below it")
  named = text_lib.shown(str(first), _LONG)
  if os.path.isdir(base / first):
    raise reading.Unusable(f"{named} is a folder; expected a file")
  if reading.kind(first) is None:
    raise reading.Unusable(f"{named}: {walking.unknown(first, base / first)}")
  raise reading.Unusable(f"{named} does not exist or is not a file"
                         + (_near(base, first, names) or f"; paths are read from {base}"))


def _below(path: pathlib.PurePath, base: pathlib.Path) -> pathlib.PurePath | None:
  """An absolute path from a folder on, however the way to the folder is written; None outside."""
  for top, its in ((base.absolute(), path), (base.resolve(), path),
                   (base.resolve(), pathlib.Path(path).resolve())):
    if its.is_relative_to(top):
      return pathlib.PurePath(its.relative_to(top))
  return None


def _on_disk(base: pathlib.Path, relative: pathlib.PurePath, names: Any) -> pathlib.PurePath | None:
  """The path in the form that the disk has of its accents; None if there is no such file."""
  if len(str(relative)) > 4_000 or any(len(part.encode()) > 255 for part in relative.parts):
    return None
  if (base / relative).is_file():
    return relative
  if str(relative).isascii():
    return None
  there = pathlib.PurePath()
  for part in relative.parts:
    its = names(base / there).get(text_lib.normal(part))
    if its is None:
      return None
    there /= its
  return there if (base / there).is_file() else None


def _names(folder: pathlib.Path) -> dict[str, str]:
  """Names in a folder by their normal form."""
  try:
    return {text_lib.normal(name): name for name in os.listdir(folder)}
  except OSError:
    return {}


def _near(base: pathlib.Path, relative: pathlib.PurePath, names: Any) -> str:
  """Another file whose path differs by case or blanks only."""
  there = pathlib.PurePath()
  for part in relative.parts:
    its = next((name for name in names(base / there).values()
                if name.casefold().strip() == part.casefold().strip()), None)
    if its is None:
      return ""
    there /= its
  return f"; there is {text_lib.shown(str(there))}" if (base / there).is_file() else ""
