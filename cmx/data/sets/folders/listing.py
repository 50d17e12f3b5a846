"""What a user's folders or manifest hold: one item an example, found without decoding anything.

  root/<modality>/<split>/<class>/<file>    images, .txt or .npy files
  root/<modality>/<split>.npz               vectors x [N, E] with labels y [N]
  manifest.csv or .jsonl                    path or text, modality, split, class; paths beside it
"""

import csv
import json
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.files import reading

SPLITS = {"train": data_lib.TRAIN, "training": data_lib.TRAIN, "validation": data_lib.VALIDATION,
          "valid": data_lib.VALIDATION, "val": data_lib.VALIDATION, "test": "test"}
COLUMNS = ("path", "text", "modality", "split", "class")
LAYOUT = ("root/<modality>/<train|validation>/<class>/<file>, "
          "root/<modality>/<train|validation>.npz, "
          "or a .csv or .jsonl manifest with path (or text), modality, split, class")
_NAME = re.compile(r"\w[\w-]*")  # a modality's name becomes a folder, a parameter, a heading
_IGNORED = ("thumbs.db", "desktop.ini")


class Item(NamedTuple):
  """One example: where it is, and what it is said to be.

  Attributes:
    modality: its name; one of CMPlaces' codes is replaced by the name that it stands for.
    split: "train" or "validation".
    class_name: name of its class.
    kind: "pixels", "text" or "vector".
    key: stable name: its path below the root, with "#row" in a table or manifest.
    path: file; None for a text that stands in the manifest.
    row: row of an .npz table, else 0.
    text: text that stands in the manifest, else "".
  """

  modality: str
  split: str
  class_name: str
  kind: str
  key: str
  path: pathlib.Path | None
  row: int = 0
  text: str = ""


class Bad(NamedTuple):
  """A file that cannot be used, and why."""

  file: str
  why: str


class Listing(NamedTuple):
  """Everything found below a root.

  Attributes:
    items: examples, in a stable order.
    bad: files, rows and folders that cannot be used.
    empty: modality folders without any example.
    left_out: modalities whose split `test` is not used, because they have a validation split.
  """

  items: list[Item]
  bad: list[Bad]
  empty: list[str]
  left_out: list[str]


def find(options: config_lib.Folders) -> Listing:
  """Lists a root folder or a manifest.

  Raises:
    ValueError: if no path is given, or the manifest does not read at all.
    FileNotFoundError: if the path does not exist.
  """
  if not options.path:
    raise ValueError("no path to your own data; expected --config.data.folders.path=ROOT, with "
                     f"{LAYOUT}")
  root = pathlib.Path(options.path).expanduser()
  if not root.exists():
    raise FileNotFoundError(f"{root} does not exist; expected {LAYOUT}")
  bad: list[Bad] = []
  if root.is_dir():
    _check_level(root)
    items = list(_of_folders(root, bad))
    named = {_modality(entry.name) for entry in _entries(root) if os.path.isdir(entry.path)}
    blamed = {_modality(pathlib.PurePath(file.file).parts[0]) for file in bad}
    empty = sorted(named - {item.modality for item in items} - blamed)
  else:
    items, empty = list(_of_manifest(root, bad)), []
  return _with_validation(items, bad, empty)


def _check_level(root: pathlib.Path) -> None:
  """Refuses a root that is one modality's folder: all its folders are named like splits."""
  names = [entry.name for entry in _entries(root) if os.path.isdir(entry.path)]
  if names and all(name.lower() in SPLITS for name in names):
    raise ValueError(f"{root} has folders {', '.join(names)} where modalities are expected; give "
                     f"the folder above it, {root.absolute().parent}")


def _modality(name: str) -> str:
  """The modality's name, where one of CMPlaces' codes stands for it."""
  return next((row.name for row in modalities_lib.CMPLACES if row.code == name), name)


def _with_validation(items: list[Item], bad: list[Bad], empty: list[str]) -> Listing:
  """A split called "test" stands in for validation in modalities that have no other."""
  has = {item.modality for item in items if item.split == data_lib.VALIDATION}
  left_out = sorted({item.modality for item in items
                     if item.split == "test" and item.modality in has})
  items = [item._replace(split=data_lib.VALIDATION) if item.split == "test" else item
           for item in items if not (item.split == "test" and item.modality in has)]
  return Listing(items, bad, empty, left_out)


def _entries(folder: pathlib.Path) -> list[os.DirEntry]:
  """What is in a folder, by name; without hidden files and what desktops leave behind."""
  try:
    with os.scandir(folder) as entries:
      shown = [entry for entry in entries
               if not entry.name.startswith(".") and entry.name.lower() not in _IGNORED]
  except PermissionError as error:
    raise ValueError(f"{folder} may not be read; expected a folder that you may list") from error
  return sorted(shown, key=lambda entry: entry.name)


def _of_folders(root: pathlib.Path, bad: list[Bad]) -> Iterator[Item]:
  for modality in _entries(root):
    if not os.path.isdir(modality.path):
      continue  # a README or a licence beside the modalities
    if not _NAME.fullmatch(modality.name):
      bad.append(Bad(modality.name, "modality's name; expected letters, digits, _ and - only"))
      continue
    for entry in _entries(root / modality.name):
      path = pathlib.PurePath(modality.name, entry.name)
      split = SPLITS.get(path.stem.lower() if path.suffix == reading.TABLE else entry.name.lower())
      if split is None:
        what = "a split" if os.path.isdir(entry.path) else "a split's folder or table"
        bad.append(Bad(f"{path}", f"not {what}; expected {modality.name}/train and "
                       f"{modality.name}/validation, with a folder a class in each"))
      elif os.path.isdir(entry.path):
        yield from _of_split(root, path, split, bad)
      elif path.suffix == reading.TABLE:
        yield from _of_table(root, path, split, bad)
      else:
        bad.append(Bad(f"{path}", "a file; expected a folder or an .npz table"))


def _of_split(root: pathlib.Path, path: pathlib.PurePath, split: str,
              bad: list[Bad]) -> Iterator[Item]:
  for class_entry in _entries(root / path):
    if not os.path.isdir(class_entry.path):
      bad.append(Bad(f"{path / class_entry.name}",
                     f"not in a class's folder; expected {path}/<class>/<file>"))
      continue
    name = reading.class_name(class_entry.name)
    for entry in _entries(root / path / class_entry.name):
      file = path / class_entry.name / entry.name
      kind = reading.kind(file)
      if not os.path.isfile(entry.path):
        bad.append(Bad(f"{file}", "a folder inside a class's folder, or a broken link; "
                       "expected files"))
      elif kind is None:
        bad.append(Bad(f"{file}", _unknown(file)))
      else:
        yield Item(_modality(path.parts[0]), split, name, kind, file.as_posix(), root / file)


def _unknown(file: pathlib.PurePath) -> str:
  known = " ".join(suffix for suffixes in reading.SUFFIXES.values() for suffix in suffixes)
  return f"file type {file.suffix or 'without suffix'}; expected one of {known}"


def _of_table(root: pathlib.Path, path: pathlib.PurePath, split: str,
              bad: list[Bad]) -> Iterator[Item]:
  try:
    names, _ = reading.table_labels(root / path)
  except reading.Unusable as error:
    bad.append(Bad(f"{path}", f"{error}"))
    return
  for row, name in enumerate(names):
    yield Item(_modality(path.parts[0]), split, name, "vector", f"{path.as_posix()}#{row}",
               root / path, row)


def _rows(manifest: pathlib.Path) -> Iterator[tuple[int, Any]]:
  """Line number and row of a manifest."""
  try:
    with manifest.open(encoding="utf-8-sig", newline="") as file:
      if manifest.suffix == ".jsonl":
        lines = enumerate(file, 1)
        yield from ((number, json.loads(line)) for number, line in lines if line.strip())
      else:
        reader = csv.DictReader(file)
        given = reader.fieldnames or []
        missing = sorted({"modality", "split", "class"} - set(given))
        if missing or not {"path", "text"} & set(given):
          raise ValueError(
            f"{manifest} has columns {', '.join(given) or 'none'}; expected path or text (or "
            f"both), modality, split, class; missing: {', '.join(missing) or 'path or text'}")
        yield from ((reader.line_num, row) for row in reader)
  except UnicodeDecodeError as error:
    raise ValueError(f"{manifest} is not UTF-8: {error.reason} at byte {error.start}") from error
  except (csv.Error, json.JSONDecodeError) as error:
    raise ValueError(f"{manifest} does not read as {manifest.suffix}: {error}") from error


def _of_manifest(manifest: pathlib.Path, bad: list[Bad]) -> Iterator[Item]:
  if manifest.suffix not in (".csv", ".jsonl"):
    raise ValueError(f"{manifest} is a file of type {manifest.suffix or 'none'}; expected {LAYOUT}")
  for line, row in _rows(manifest):
    where = f"{manifest.name}:{line}"
    try:
      yield _of_row(manifest, line, row)
    except reading.Unusable as error:
      bad.append(Bad(where, f"{error}"))


def _of_row(manifest: pathlib.Path, line: int, row: Any) -> Item:
  if not isinstance(row, dict):
    raise reading.Unusable(f"{row!r}; expected an object with {', '.join(COLUMNS)}")
  values = {name: row.get(name) or "" for name in COLUMNS}
  wrong = [name for name, value in values.items() if not isinstance(value, str)]
  if wrong:
    raise reading.Unusable(f"{wrong[0]} {values[wrong[0]]!r}; expected a string")
  modality = _modality(values["modality"].strip())
  split = SPLITS.get(values["split"].strip().lower())
  name = reading.class_name(values["class"])
  if not _NAME.fullmatch(modality):
    raise reading.Unusable(f"modality {modality!r}; expected letters, digits, _ and - only")
  if split is None:
    raise reading.Unusable(f"split {values['split']!r}; expected train or validation")
  if not name:
    raise reading.Unusable("no class; expected its name")
  if bool(values["path"]) == bool(values["text"]):
    given = "both" if values["path"] else "neither"
    raise reading.Unusable(f"{given} path and text; expected one of them")
  if values["text"]:
    return Item(modality, split, name, "text", f"{manifest.name}#{line}", None, text=values["text"])
  relative = pathlib.PurePath(os.path.normpath(values["path"]))
  if relative.is_absolute() or relative.parts[:1] == ("..",):
    raise reading.Unusable(f"path {values['path']!r} leaves the manifest's folder; "
                           "expected one below it")
  kind = reading.kind(relative)
  if kind is None:
    raise reading.Unusable(f"{relative}: {_unknown(relative)}")
  path = manifest.parent / relative
  if not path.is_file():
    raise reading.Unusable(f"{relative} does not exist or is not a file")
  return Item(modality, split, name, kind, f"{relative.as_posix()}#{line}", path)
