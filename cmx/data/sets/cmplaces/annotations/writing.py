"""spatial_text.zip from annotations, in the form in which CMPlaces' archives are read.

<name>.zip:spatial_text/<category>/<photograph>_<variation>.png, and the two lists of its splits.
The same annotations, seed and style give the same file, byte by byte.
"""

import hashlib
import io
import pathlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from cmx.data.sets.cmplaces import annotations
from cmx.data.sets.cmplaces import categories
from cmx.data.sets.cmplaces import lists
from cmx.data.sets.cmplaces.annotations import reading
from cmx.data.sets.cmplaces.annotations import rendering
from cmx.files import paths
from cmx.files import text as text_lib
from cmx.files import writing
from cmx.runtime import progress

_LONG = 60  # characters of a name that a message quotes
_SHOWN = 20  # bad files that a message names
_EXAMPLES = 3  # objects left out that the summary names


class Options(NamedTuple):
  """What is made of the annotations.

  Attributes:
    variations: pictures of a photograph of the training split.
    validation: photographs of a category that are kept for validation, with one picture each; half
      of them where there are fewer than twice as many.
    seed: of variations, and of which photographs are kept.
    damaged: bad files that are left out, at most.
    style: how pictures look.
  """

  variations: int = 50
  validation: int = 10
  seed: int = 0
  damaged: int = 0
  style: rendering.Style = rendering.Style()


class _Task(NamedTuple):
  """One picture to make."""

  photograph: annotations.Photograph
  variation: int
  name: str


def write(source: pathlib.Path, out: pathlib.Path, options: Options,
          listed: pathlib.Path | None = None) -> str:
  """Writes the archive, whole or not at all; returns what was used, in a sentence.

  Args:
    source: folder, archive or .json file of annotations.
    out: the .zip.
    options: see there.
    listed: a list "path label" of the photographs' categories, labels as Places205 numbers them;
      where none is given, scenes and folders say them.

  Raises:
    ValueError: if there are more bad files than `options.damaged`, if a line of the list is wrong,
      or if no photograph is of one of the categories; the message names file and line.
  """
  paths.check_file("--out", out)
  if options.variations < 1 or options.validation < 0:
    raise ValueError(f"{options.variations} variations, {options.validation} for validation; "
                     "expected 1 or more, 0 or more")
  known = None if listed is None else _labels(listed)
  photographs, left, bad = _read(source, options)
  by_label: dict[int, list[annotations.Photograph]] = {}
  for photograph in photographs:
    label = _label(photograph, known)
    if label is not None and photograph.objects:
      by_label.setdefault(label, []).append(photograph)
  used = sum(map(len, by_label.values()))
  if not used:
    raise _none(source, photographs, left, known)
  splits = _split(by_label, options)
  _write(out, splits, options)
  counts = ", ".join(f"{len(tasks):,} of {split}" for split, tasks in splits.items())
  said = [f"{used:,} of {len(photographs):,} photographs used, in {len(by_label)} of "
          f"{len(categories.NAMES)} categories; pictures: {counts}"]
  if bad:
    said.append(f"{len(bad):,} annotations left out")
  bare = [one.key for one in photographs if not one.objects]
  if bare:
    said.append(f"{len(bare):,} photographs without objects, such as {bare[0]}")
  if unlisted := [one.key for one in photographs if known is not None and one.key not in known]:
    said.append(f"{len(unlisted):,} photographs not in {listed}, such as {unlisted[0]}")
  if left:
    said.append(f"{len(left):,} objects left out:\n" + _named(left, _EXAMPLES))
  return "; ".join(said)


def _none(source: pathlib.Path, photographs: list[annotations.Photograph],
          left: list[annotations.Left], known: Mapping[str, int] | None) -> ValueError:
  """Why nothing can be made: no objects, no categories, or other names than in the list."""
  example = photographs[0].key if photographs else "none at all"
  text = (f"none of {len(photographs):,} photographs in {source} shows objects in one of the "
          f"{len(categories.NAMES)} categories; the first is {example}. ")
  if photographs and not any(one.objects for one in photographs):
    text += "None has objects that can be written"
  elif known is None:
    text += ("Sort them into folders of the categories' names, or give a list of their labels with "
             "--labels")
  else:
    text += f"None is in the list of labels, whose first is {next(iter(known))}"
  return ValueError(text + (f"; {len(left):,} objects are left out:\n{_named(left, _SHOWN)}"
                            if left else ""))


def _named(items: list[annotations.Left] | list[annotations.Bad], count: int) -> str:
  return "  " + text_lib.some([f"{where}: {why}" for where, why in items], count, "\n  ")


def _read(source: pathlib.Path, options: Options) -> tuple[
    list[annotations.Photograph], list[annotations.Left], list[annotations.Bad]]:
  """Photographs with the objects that can be written, the objects left out, and what is bad."""
  photographs: list[annotations.Photograph] = []
  left: list[annotations.Left] = []
  bad: list[annotations.Bad] = []
  for found in reading.read(source):
    if isinstance(found, annotations.Photograph):
      why = {item: rendering.unwritable(item.name, options.style) for item in found.objects}
      left += [annotations.Left(f"{found.key}: {text_lib.shown(item.name, _LONG)!r}", why[item])
               for item in found.objects if why[item]]
      photographs.append(found._replace(
        objects=tuple(item for item in found.objects if not why[item])))
    else:
      (bad if isinstance(found, annotations.Bad) else left).append(found)
  if len(bad) > options.damaged:
    raise ValueError(f"{len(bad):,} annotations cannot be used:\n{_named(bad, _SHOWN)}\nMend or "
                     f"remove them, or leave them out with --damaged={len(bad)}")
  return photographs, left, bad


def _labels(listed: pathlib.Path) -> dict[str, int]:
  """Labels by the photograph's path without suffix."""
  labels = {}
  for line in lists.parse(str(listed), listed.read_bytes()).lines:
    if line.label is None:
      raise ValueError(f"{listed} line {line.number}: no label after {line.path}; expected one "
                       f"from 0 to {len(categories.NAMES) - 1}")
    if not line.label < len(categories.NAMES):
      raise ValueError(f"{listed} line {line.number}: label {line.label} for {line.path}; expected "
                       f"0 to {len(categories.NAMES) - 1}, as Places205 numbers the categories")
    key = annotations.path_key(line.path)
    if labels.setdefault(key, line.label) != line.label:
      raise ValueError(f"{listed} line {line.number}: label {line.label} for {line.path}, which "
                       f"had {labels[key]}; expected one label a photograph")
  return labels


def _label(photograph: annotations.Photograph, known: Mapping[str, int] | None) -> int | None:
  if known is not None:
    return known.get(photograph.key)
  for scene in photograph.scenes:
    parts = [part.strip().lower().replace(" ", "_").replace("-", "_") for part in scene]
    if (label := categories.of_path(parts)) is not None:
      return label
  return None


def _split(by_label: Mapping[int, list[annotations.Photograph]],
           options: Options) -> dict[str, list[_Task]]:
  splits: dict[str, list[_Task]] = {"train": [], "val": []}
  stems = _stems(one.key for photographs in by_label.values() for one in photographs)
  for label, photographs in sorted(by_label.items()):
    drawn = sorted(photographs, key=lambda one: hashlib.sha256(
      f"{options.seed} {one.key}".encode()).digest())
    held_back = min(options.validation, len(drawn) // 2)
    splits["val"] += _tasks(label, drawn[:held_back], 1, stems)
    splits["train"] += _tasks(label, drawn[held_back:], options.variations, stems)
  return splits


def _stems(keys: Iterable[str]) -> dict[str, str]:
  """A file name for each key, without suffix; no two are equal, also where case does not count."""
  stems: dict[str, str] = {}
  taken: set[str] = set()
  for key in sorted(keys):
    stem = key.replace("/", "-")
    while stem.lower() in taken:
      stem += "+"
    taken.add(stem.lower())
    stems[key] = stem
  return stems


def _tasks(label: int, photographs: Iterable[annotations.Photograph],
           variations: int, stems: Mapping[str, str]) -> Iterator[_Task]:
  for photograph in photographs:
    stem = f"spatial_text/{categories.NAMES[label]}/{stems[photograph.key]}"
    yield from (_Task(photograph, n, f"{stem}_{n}.png") for n in range(variations))


def _write(out: pathlib.Path, splits: Mapping[str, list[_Task]], options: Options) -> None:
  out.parent.mkdir(parents=True, exist_ok=True)
  total, done = sum(map(len, splits.values())), 0
  with (writing.whole(out) as file, zipfile.ZipFile(file, "w") as archive,
        progress.Progress("spatial text", total, "pictures") as line):
    for split, tasks in splits.items():
      for task in tasks:
        page = rendering.render(task.photograph, task.variation, options.seed, options.style)
        archive.writestr(zipfile.ZipInfo(task.name), _png(page))
        line.update(done := done + 1)
      names = "".join(f"{task.name}\n" for task in tasks)
      archive.writestr(zipfile.ZipInfo(f"spatial_text_{split}.txt"), names)


def _png(page: np.ndarray) -> bytes:
  stream = io.BytesIO()
  Image.fromarray(page).save(stream, "PNG", compress_level=1)
  return stream.getvalue()
