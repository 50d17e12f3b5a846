"""Everyday things in five modalities, from published packages: real, unpaired, 32 categories.

Photographs and renders, clip art, spatial texts, line icons, dictionary definitions. `prepare`
builds the pictures and texts from the packages' files by the recipe and records them as a TFDS
builder in ArrayRecord files, with source and licence of every example; `load` opens the records.
"""

import hashlib
import io
import json
import pathlib
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from PIL import Image

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import modalities as modalities_lib
from cmx.data.sets import _kept
from cmx.data.sets import _records
from cmx.data.sets.everyday import build
from cmx.data.sets.everyday import recipe as recipe_lib
from cmx.files import archives
from cmx.files import disk
from cmx.files import manifest
from cmx.files import writing

_SIDE = 160  # pixels, height and width of the stored pictures
_MASK = "something"  # stands for a word of the category's own name
_REPORT = "report.json"  # beside the records: counts, what was skipped, labels, fingerprints
_VERSION = "1.0.0"
_BUILT = "everyday.zip"  # an already built set, where somebody has one: <modality>/<split>/...
_TEXTS = ("text", "kind", "source", "package", "path", "licence", "key")


class EverydayRecords(tfds.core.GeneratorBasedBuilder):
  """Records of one split a modality, e.g. "natural_train", in the recipe's order."""

  VERSION = tfds.core.Version(_VERSION)
  name = "everyday"

  def __init__(self, examples: dict[str, list[dict[str, Any]]], data_dir: pathlib.Path):
    self._examples = examples
    super().__init__(data_dir=data_dir, file_format="array_record")

  def _info(self) -> tfds.core.DatasetInfo:
    # The picture is kept as its file's bytes: the Image feature would decode through TensorFlow.
    fields = {name: tfds.features.Text() for name in ("image", *_TEXTS)}
    features = tfds.features.FeaturesDict({**fields, "label": np.int64})
    return tfds.core.DatasetInfo(builder=self, disable_shuffling=True, features=features)

  def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
    return {split: self._generate_examples(split) for split in self._examples}

  def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from enumerate(self._examples[split])


def _folder(data: config_lib.Data) -> pathlib.Path:
  return pathlib.Path(data.root) / "everyday" / _VERSION


def packages(data: config_lib.Data) -> pathlib.Path:
  """Folder of the packages' files."""
  return pathlib.Path(data.everyday.packages or pathlib.Path(data.root) / "packages")


def prepare(data: config_lib.Data, recipe: Sequence[recipe_lib.Row] = ()) -> None:
  """Makes the records unless they are there; an interrupted preparation goes on where it stopped.

  Args:
    data: the config; `everyday.packages` is the folder with the packages' files, or with a built
      `everyday.zip`.
    recipe: rows to build; the project's own where none are given.

  Raises:
    FileNotFoundError: if packages are missing; the message holds the commands that fetch them.
  """
  folder = _folder(data)
  if (folder / _REPORT).exists() and _kept.are_whole([folder]):
    return
  with (writing.held(folder), disk.explained(folder), _kept.made_again([folder])):
    if not (folder / _REPORT).exists():  # else another process has made it meanwhile
      _make(data, list(recipe) or recipe_lib.rows())


def _make(data: config_lib.Data, rows: Sequence[recipe_lib.Row]) -> None:
  """Builds the pictures and texts, and records them."""
  built = packages(data) / _BUILT
  if not built.exists():
    # A plain folder first, so that an interrupted rendering goes on; the records replace it.
    built = build.build(rows, packages(data), pathlib.Path(data.root) / "everyday" / "pictures")
  examples, skipped = _examples(rows, built)
  _record(data, examples)
  report = _report(rows, examples, skipped)
  # The report comes last: it says that all is there.
  writing.write_text(_folder(data) / _REPORT, json.dumps(report))
  if built.is_dir():
    shutil.rmtree(built)
  logging.info("everyday: %s; skipped %s", report["counts"], report["skipped"] or "none")


def _record(data: config_lib.Data, examples: dict[str, list[dict[str, Any]]]) -> None:
  tfds.disable_progress_bar()
  if _folder(data).exists():  # records without a report: stopped in between
    for path in _folder(data).iterdir():
      path.unlink()
    _folder(data).rmdir()
  EverydayRecords(examples, pathlib.Path(data.root)).download_and_prepare()


def _examples(rows: Sequence[recipe_lib.Row], built: pathlib.Path
              ) -> tuple[dict[str, list[dict[str, Any]]], dict[str, int]]:
  """Examples by "<modality>_<split>", and the number of missing ones by package."""
  classes, members = sorted({row.category for row in rows}), {
    member.name: member for member in archives.members(built)}
  examples: dict[str, list[dict[str, Any]]] = {}
  skipped: dict[str, int] = {}
  with archives.Reader(built) as reader:
    for row in rows:
      if row.file not in members:
        skipped[row.package] = skipped.get(row.package, 0) + 1
        continue
      content, text = reader.read(members[row.file]), row.kind == "text"
      examples.setdefault(f"{row.modality}_{row.split}", []).append({
        "image": b"" if text else _checked(row.file, content),
        "text": content.decode().strip() if text else ", ".join(word.text for word in row.words),
        "label": classes.index(row.category), "key": row.file, "kind": row.kind,
        "source": row.source, "package": row.package, "path": row.path,
        "licence": recipe_lib.licences().get(row.source, "unknown")})
  return examples, skipped


def _checked(name: str, content: bytes) -> bytes:
  with Image.open(io.BytesIO(content)) as image:
    if image.size != (_SIDE, _SIDE):
      raise ValueError(f"{name} has {image.size} pixels; expected {(_SIDE, _SIDE)}")
    image.load()  # a damaged picture is found here, not in training
  return content


def _report(rows: Sequence[recipe_lib.Row], examples: dict[str, list[dict[str, Any]]],
            skipped: dict[str, int]) -> dict[str, Any]:
  return {
    "classes": sorted({row.category for row in rows}),
    "counts": {split: len(chosen) for split, chosen in examples.items()},
    "skipped": skipped,
    "splits": {split: {"labels": [example["label"] for example in chosen],
                       "kinds": [example["kind"] for example in chosen],
                       "fingerprint": _fingerprint(chosen)} for split, chosen in examples.items()}}


def _fingerprint(examples: list[dict[str, Any]]) -> str:
  total = hashlib.sha256()
  for example in examples:
    for name in ("key", "text"):
      total.update(example[name].encode() + b"\0")
    total.update(str(example["label"]).encode() + b"\0" + example["image"])
  return total.hexdigest()[:16]


def side(data: config_lib.Data) -> int:
  """Pixels, height and width of pictures."""
  del data  # the recipe fixes it
  return _SIDE


def load(data: config_lib.Data) -> data_lib.Dataset:
  """Opens the records.

  Raises:
    FileNotFoundError: if the set is not prepared; the message says how to.
    ValueError: if `spatial_text` is neither "pixels" nor "words".
  """
  options = data.everyday
  if options.spatial_text not in ("pixels", "words"):
    raise ValueError(f"spatial_text {options.spatial_text!r}; expected 'pixels' or 'words'")
  if not (_folder(data) / _REPORT).exists():
    built = (packages(data) / _BUILT).exists()
    raise FileNotFoundError(
      f"everyday things are not prepared in {_folder(data)}; run python -m launch.prepare "
      f"{fields.as_flags(config_lib.Config(data=data))}\n"
      f"{'' if built else build.instructions(packages(data))}".rstrip())
  manifest.check(manifest.of(_folder(data)))
  report = json.loads((_folder(data) / _REPORT).read_text())
  builder = tfds.builder_from_directory(_folder(data))
  rows = tuple(_row(row, options) for row in modalities_lib.CMPLACES)
  splits = {split: {row.name: _source(builder, report, row, split, options) for row in rows}
            for split in (data_lib.TRAIN, data_lib.VALIDATION)}
  contents = [source.fingerprint for sources in splits.values() for source in sources.values()]
  return data_lib.Dataset("everyday", tuple(report["classes"]), rows, splits,
                          hashlib.sha256("".join(contents).encode()).hexdigest()[:16])


def _row(row: modalities_lib.Modality, options: config_lib.Everyday) -> modalities_lib.Modality:
  if row == modalities_lib.SPATIAL_TEXT and options.spatial_text == "words":
    return row._replace(kind="text")
  return row._replace(shape=(_SIDE, _SIDE, 3)) if row.kind == "pixels" else row


def _source(builder: Any, report: dict[str, Any], row: modalities_lib.Modality, split: str,
            options: config_lib.Everyday) -> _records.Records:
  name = f"{row.name}_{split}"
  entry = report["splits"].get(name, {"labels": [], "kinds": [], "fingerprint": "empty"})
  indices, fingerprint, read = np.arange(len(entry["labels"])), entry["fingerprint"], _pixels
  if row.name == modalities_lib.NATURAL.name and options.photographs_only:
    indices = np.flatnonzero(np.array(entry["kinds"]) == "photo")
    fingerprint = f"{fingerprint}-photographs"
  if row.kind == "text":
    masked = options.mask_names and row == modalities_lib.DESCRIPTION
    read, fingerprint = (_masked(report["classes"]), f"{fingerprint}-masked") if masked else (
      _records.text, f"{fingerprint}-text")
  labels = np.array(entry["labels"], np.int32)[indices]
  raw = _records.opened(builder, name, len(entry["labels"]))
  return _records.Records(raw, labels, read, _records.key, indices, fingerprint)


def _pixels(record: _records.Record) -> np.ndarray:
  with Image.open(io.BytesIO(record.content("image"))) as image:
    return np.asarray(image.convert("RGB"))


def _masked(classes: Sequence[str]) -> Any:
  patterns = [re.compile(rf"\b({'|'.join(map(re.escape, name.split('_')))})(e?s)?\b", re.IGNORECASE)
              for name in classes]
  return lambda record: patterns[record.integer("label")].sub(_MASK, _records.text(record))
