"""Embeddings of others: vectors with labels, of any model, read as features of modalities.

What a file holds says docs/embeddings.md. Rows are put in a fixed random order, as `features` does:
ties rank in the gallery's order, which must not follow the class.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx import modalities as modalities_lib
from cmx.evaluation import features as features_lib
from cmx.files import json_files
from cmx.files import parquet
from cmx.files import reading
from cmx.files import text as text_lib

LAYER = "given"  # name of vectors that come without one
_COLUMNS = ("y", "modality", "key", "text", "picture")
_ALSO = {"labels": "y"}


class Part(NamedTuple):
  """One modality, rows in the order of the file.

  Attributes:
    name: of the modality.
    layers: {layer: [N, D]}.
    labels: class name of each row [N].
    classes: all names in order, where the file lists them; else ().
    named: whether classes have names; else they are numbers.
    keys: of the rows, () where none are given.
    text: of the rows, () where none are given.
    pictures: files of the rows, () where none are given.
    source: where it was read, for messages.
    mixed: whether its order follows no class already.
  """

  name: str
  layers: Mapping[str, np.ndarray]
  labels: Sequence[str]
  classes: Sequence[str]
  named: bool
  keys: Sequence[str]
  text: Sequence[str]
  pictures: Sequence[pathlib.Path]
  source: str
  mixed: bool = False


class Given(NamedTuple):
  """Embeddings, checked.

  Attributes:
    modalities: rows, in the order given.
    classes: names in label order.
    features: {modality: {layer: [N, D], "label": int [N]}}, rows in random order.
    parts: {modality: Part} without the vectors, rows in the file's order: `order` leads from one
      to the other.
    notes: what a reader should know, in words.
  """

  modalities: tuple[modalities_lib.Modality, ...]
  classes: tuple[str, ...]
  features: features_lib.Features
  parts: Mapping[str, Part]
  notes: tuple[str, ...]


def order(part: Part) -> np.ndarray:
  """Row of the file that stands in each row of the features, int [N]."""
  count = len(part.labels)
  return np.arange(count) if part.mixed else features_lib.order(count)


def read(paths: Sequence[pathlib.Path], text: Sequence[str] = (),
         classes: Sequence[str] = ()) -> Given:
  """Reads files and folders of embeddings.

  Args:
    paths: .npz and .parquet files, and folders that `features.extract` has written.
    text: names of modalities that are text; those given with texts are, anyway.
    classes: names that come first in label order, e.g. those of other embeddings.

  Raises:
    FileNotFoundError: if a path is not there.
    ValueError: if a file cannot be used, or files do not go together; with file and row.
  """
  parts: dict[str, Part] = {}
  for path in paths:
    for part in _parts(path):
      if part.name in parts:
        raise ValueError(f"modality {part.name!r} is in {parts[part.name].source} and in "
                         f"{part.source}; expected it once: rename a file")
      _check(part)
      parts[part.name] = part
  unknown = [name for name in text if name not in parts]
  if unknown:
    raise ValueError(f"no modality {unknown[0]!r} that could be text; there are "
                     f"{', '.join(parts)}")
  found, notes = _class_list(parts, classes)
  number = {name: i for i, name in enumerate(found)}
  layers = [layer for layer in next(iter(parts.values())).layers
            if all(layer in part.layers for part in parts.values())]
  if not layers:
    raise ValueError("no layer that all modalities have: " + "; ".join(
      f"{name} {', '.join(part.layers)}" for name, part in parts.items()))
  features = {}
  for name, part in parts.items():
    rows = order(part)
    labels = np.array([number[label] for label in part.labels], np.int32)
    features[name] = {**{layer: part.layers[layer] if part.mixed else part.layers[layer][rows]
                         for layer in layers}, "label": labels[rows]}
  rows = tuple(_row(part, text) for part in parts.values())
  return Given(rows, found, features, {
    name: part._replace(layers={}) for name, part in parts.items()}, tuple(notes))


def check_training(given: Given, training: Given) -> None:
  """Raises ValueError unless training examples go with what is evaluated, modality by modality."""
  for name, part in given.features.items():
    theirs = training.features.get(name)
    if theirs is None:
      raise ValueError(f"no training examples of {name!r}, only of {', '.join(training.parts)}; "
                       "expected every modality")
    for layer, x in part.items():
      if layer not in theirs:
        raise ValueError(f"no {layer} among the training examples of {name!r}; expected the layers "
                         "that are evaluated")
      if theirs[layer].shape[1:] != x.shape[1:]:
        raise ValueError(f"training examples of {name!r} have width {theirs[layer].shape[1]} in "
                         f"{layer}, those evaluated {x.shape[1]}; expected one model's vectors")
    if not set(training.parts[name].labels) & set(given.parts[name].labels):
      raise ValueError(f"training examples of {name!r} have none of the classes that are evaluated")


def _row(part: Part, text: Sequence[str]) -> modalities_lib.Modality:
  known = next((row.kind for row in modalities_lib.CMPLACES if part.name in (row.name, row.code)),
               "vector")
  kind = ("text" if part.name in text or len(part.text) else
          "pixels" if len(part.pictures) else known)
  shape = next(iter(part.layers.values())).shape[1:]
  return modalities_lib.of_kind(part.name, kind)._replace(name=part.name, shape=tuple(shape))


def _parts(path: pathlib.Path) -> list[Part]:
  """The modalities of a file or folder."""
  if path.is_dir():
    return _of_folder(path)
  if not path.exists():
    raise FileNotFoundError(f"{path} is not there; expected a .npz or .parquet file of embeddings, "
                            "or a folder of features")
  try:
    if path.suffix.lower() == ".parquet":
      return _of_columns(path, parquet.columns(path, "x", (*_COLUMNS, *_ALSO)))
    if path.suffix.lower() == reading.TABLE:
      return _of_arrays(path, reading.arrays(path))
  except reading.Unusable as error:
    raise ValueError(f"{path}: {error}") from error
  raise ValueError(f"{path} is of kind {path.suffix or 'none'}; expected .npz, .parquet, or a "
                   "folder of features")


def _of_folder(folder: pathlib.Path) -> list[Part]:
  """Features as `features.extract` writes them."""
  found = features_lib.load(folder)
  remedy = "extract the features again"
  listed = folder / features_lib.CLASSES
  classes = json_files.read(listed, remedy) if listed.exists() else []
  parts = []
  for name, own in found.items():
    keys = folder / name / "key.json"
    labels = np.asarray(own["label"])
    parts.append(Part(
      name, {layer: x for layer, x in own.items() if layer != "label"},
      [classes[i] if classes else str(i) for i in labels.tolist()], classes, bool(classes),
      json_files.read(keys, remedy) if keys.exists() else (), (), (), f"{folder / name}",
      mixed=True))
  return parts


def _of_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> list[Part]:
  """One modality, named as the file, or several, each in arrays <modality>/x, <modality>/y ..."""
  common = arrays.get("classes")
  groups: dict[str, dict[str, np.ndarray]] = {}
  for name, array in arrays.items():
    modality, _, member = name.rpartition("/")
    member = _ALSO.get(member, member)
    if member in groups.setdefault(modality, {}):
      raise reading.Unusable(f"{name!r} and its other name are both there; expected one")
    groups[modality][member] = array
  if len(groups) > 1 and set(groups.get("", {})) <= {"classes"}:
    groups.pop("", None)
  parts = []
  for modality, own in groups.items():
    where = f"{path}" + (f", {modality}" if modality else "")
    for needed in ("x", "y"):
      if needed not in own:
        raise reading.Unusable(
          f"{f'{modality}: ' if modality else ''}no {needed!r} among {', '.join(arrays)}; expected "
          "x [N, D] and y [N], or <modality>/x and <modality>/y of several")
    parts.append(_part(modality or path.stem, own["x"], own, own.get("classes", common), path,
                       where))
  return parts


def _of_columns(path: pathlib.Path, columns: Mapping[str, Any]) -> list[Part]:
  """Rows of a table, by their column `modality`, or all of the modality that the file is named."""
  own = {_ALSO.get(name, name): column for name, column in columns.items()}
  for needed in ("x", "y"):
    if needed not in own:
      raise reading.Unusable(f"no column {needed!r} among {', '.join(columns)}; expected x (lists "
                             "of numbers) and y, and modality where there are several")
  count = len(own["y"])
  names = own.get("modality", np.full(count, path.stem)).astype(np.str_)
  parts = []
  for name in dict.fromkeys(names.tolist()):
    rows = np.flatnonzero(names == name)
    fields = {key: own[key][rows] for key in ("y", "key", "text", "picture") if key in own}
    parts.append(_part(name, own["x"].of(rows), fields, None, path, f"{path}, {name}"))
  return parts


def _part(name: str, x: np.ndarray, fields: Mapping[str, np.ndarray], classes: np.ndarray | None,
          path: pathlib.Path, where: str) -> Part:
  if x.ndim != 2 or not x.size or x.dtype.kind not in "fiub":
    raise reading.Unusable(f"x of {x.dtype} and shape {list(x.shape)}; expected numbers [N, D]")
  if len(x) == 1:
    raise reading.Unusable("1 row in x; expected 2 or more, which can be compared")
  for key in ("y", "key", "text", "picture"):
    if key in fields and fields[key].shape != x.shape[:1]:
      raise reading.Unusable(f"{len(x)} rows in x but {key} of shape {list(fields[key].shape)}; "
                             f"expected [{len(x)}]")
  y = fields["y"]
  labels = reading.names(y, classes)
  listed = [reading.class_name(str(word)) for word in classes] if classes is not None else []
  words = {key: fields[key].astype(np.str_).tolist() if key in fields else ()
           for key in ("key", "text", "picture")}
  pictures = [path.parent / word for word in words["picture"]]
  return Part(name, {LAYER: x}, labels, listed, y.dtype.kind == "U" or classes is not None,
              words["key"], words["text"], pictures, where)


def _check(part: Part) -> None:
  """Refuses rows that cannot be compared, and keys that name two of them."""
  def row(i: int) -> str:
    key = f", key {part.keys[i]!r}" if len(part.keys) else ""
    return f"{part.source}: row {i} (class {part.labels[i]}{key})"

  for layer, x in part.layers.items():
    step = max(1, (1 << 22) // x.shape[1])
    for start in range(0, len(x), step):
      rows = np.asarray(x[start:start + step], np.float32)
      finite = np.isfinite(rows).all(axis=1)
      if not finite.all():
        raise ValueError(f"{row(start + int(np.argmin(finite)))} of {layer} is not finite; "
                         "expected vectors without NaN and infinity")
      if not part.mixed and not rows.any(axis=1).all():  # dead units are a network's own result
        zero = start + int(np.argmin(rows.any(axis=1)))
        raise ValueError(f"{row(zero)} is a vector of zeros, which has no direction to compare; "
                         "leave it out")
  seen: dict[str, int] = {}
  for i, key in enumerate(part.keys):
    if seen.setdefault(key, i) != i:
      raise ValueError(f"{part.source}: rows {seen[key]} and {i} have the same key {key!r}; "
                       "expected each once")


def _class_list(parts: Mapping[str, Part],
                first: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
  """All classes in order, and what is to be said of those that not every modality has."""
  kinds = {part.named for part in parts.values()}
  if len(kinds) > 1:
    one, other = (next(part for part in parts.values() if part.named == kind)
                  for kind in (True, False))
    raise ValueError(f"labels are names in {one.source} (as {one.labels[0]!r}) and numbers in "
                     f"{other.source} (as {other.labels[0]}); expected one of both: give the names "
                     "in classes [C]")
  every = {name: set(part.labels) for name, part in parts.items()}
  for name, mine in every.items():
    others = [theirs for other, theirs in every.items() if other != name]
    if others and not any(mine & theirs for theirs in others):
      other = next(other for other in every if other != name)
      raise ValueError(
        f"{name} has no class in common with any other modality: "
        f"{text_lib.some(sorted(mine), 3)} | {other}: {text_lib.some(sorted(every[other]), 3)}; "
        "expected labels that mean the same in all")
  listed = dict.fromkeys([*first, *(name for part in parts.values() for name in part.classes)])
  left = set().union(*every.values()) - set(listed)
  numbers = kinds == {False}
  found = (*listed, *sorted(left, key=int if numbers else str))
  partly = {name: len(set.union(*every.values())) - len(mine) for name, mine in every.items()}
  notes = [f"{name} lacks {count} of the {len(set.union(*every.values()))} classes"
           for name, count in partly.items() if count]
  return found, notes
