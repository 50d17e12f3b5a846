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
from cmx.files import writing
from cmx.runtime import progress

_SHOWN = 20  # bad files that a message names


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
  if options.variations < 1 or options.validation < 0:
    raise ValueError(f"{options.variations} variations, {options.validation} for validation; "
                     "expected 1 or more, 0 or more")
  photographs = _read(source, options.damaged)
  known = None if listed is None else _labels(listed)
  by_label: dict[int, list[annotations.Photograph]] = {}
  for photograph in photographs:
    label = _label(photograph, known)
    if label is not None and photograph.objects:
      by_label.setdefault(label, []).append(photograph)
  used = sum(map(len, by_label.values()))
  if not used:
    example = photographs[0].key if photographs else "none at all"
    raise ValueError(f"none of {len(photographs):,} photographs in {source} shows objects in one "
                     f"of the {len(categories.NAMES)} categories; the first is {example}. Sort "
                     "them into folders of the categories' names, or give a list of their labels")
  splits = _split(by_label, options)
  _write(out, splits, options)
  counts = ", ".join(f"{len(tasks):,} of {split}" for split, tasks in splits.items())
  return (f"{used:,} of {len(photographs):,} photographs used, in {len(by_label)} of "
          f"{len(categories.NAMES)} categories; pictures: {counts}")


def _read(source: pathlib.Path, damaged: int) -> list[annotations.Photograph]:
  photographs, bad = [], []
  for found in reading.read(source):
    (bad if isinstance(found, reading.Bad) else photographs).append(found)
  if len(bad) > damaged:
    named = "\n".join(f"  {where}: {why}" for where, why in bad[:_SHOWN])
    more = f"\n  and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
    raise ValueError(f"{len(bad):,} annotations cannot be used:\n{named}{more}\nMend or remove "
                     f"them, or leave them out with --damaged={len(bad)}")
  return photographs


def _labels(listed: pathlib.Path) -> dict[str, int]:
  """Labels by the photograph's path without suffix."""
  found = {}
  for line in lists.parse(str(listed), listed.read_bytes()).lines:
    if line.label is None or not line.label < len(categories.NAMES):
      raise ValueError(f"{listed} line {line.number}: label {line.label} for {line.path}; expected "
                       f"0 to {len(categories.NAMES) - 1}, as Places205 numbers the categories")
    found[line.path.rsplit(".", 1)[0]] = line.label
  return found


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
  for label, photographs in sorted(by_label.items()):
    drawn = sorted(photographs, key=lambda one: hashlib.sha256(
      f"{options.seed} {one.key}".encode()).digest())
    kept = min(options.validation, len(drawn) // 2)
    splits["val"] += _tasks(label, drawn[:kept], 1)
    splits["train"] += _tasks(label, drawn[kept:], options.variations)
  return splits


def _tasks(label: int, photographs: Iterable[annotations.Photograph],
           variations: int) -> Iterator[_Task]:
  for photograph in photographs:
    stem = f"spatial_text/{categories.NAMES[label]}/{photograph.key.replace('/', '-')}"
    yield from (_Task(photograph, n, f"{stem}_{n}.png") for n in range(variations))


def _write(out: pathlib.Path, splits: Mapping[str, list[_Task]], options: Options) -> None:
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
