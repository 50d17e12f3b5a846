"""Any classification set of TFDS as one modality: its classes matched with ours by name."""

import hashlib
import io
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from absl import logging
import numpy as np
import tensorflow_datasets as tfds

from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.data.sets import _kept
from cmx.data.sets import _records
from cmx.files import manifest
from cmx.files import pictures
from cmx.files import writing
from cmx.runtime import progress

_SPLITS = {data_lib.TRAIN: ("train",), data_lib.VALIDATION: ("validation", "test")}


class Request(NamedTuple):
  """What is wanted.

  Attributes:
    name: of the TFDS set, e.g. "places365_small" or "name/config".
    root: TFDS's data directory; "" is its default.
    cache: folder for what is found out once: the labels of all records.
    row: the modality that the set serves as; pixels have a shape.
    classes: names of our classes, in label order.
    label_of: from the set's name of a class to our label, or None.
  """

  name: str
  root: str
  cache: pathlib.Path
  row: modalities_lib.Modality
  classes: Sequence[str]
  label_of: Callable[[str], int | None]


def prepare(request: Request) -> None:
  """Downloads and prepares the set, as TFDS does, and finds out its labels.

  Raises:
    ValueError: if TFDS knows no such set, or it cannot serve.
  """
  builder = _builder(request)
  if not builder.is_prepared():
    builder.download_and_prepare()
  sources(request)


def sources(request: Request) -> dict[str, _records.Records]:
  """Training and validation examples of those classes that we have too.

  Raises:
    FileNotFoundError: if the set is not prepared.
    ValueError: if it has no picture (or text) with a class, or fewer than two classes of ours.
  """
  builder = _builder(request)
  if not builder.is_prepared():
    raise FileNotFoundError(f"TFDS set {request.name!r} is not prepared in {builder.data_path}; "
                            f"run tfds build {request.name} --file_format=array_record")
  if builder.info.file_format != tfds.core.FileFormat.ARRAY_RECORD:
    raise ValueError(f"TFDS set {request.name!r} is kept as {builder.info.file_format.value}; "
                     f"expected array_record, which is read at random: prepare it again with tfds "
                     f"build {request.name} --file_format=array_record --overwrite")
  features = builder.info.features
  field = _field(request, features)
  target = _only(request, features, tfds.features.ClassLabel)
  ours = [request.label_of(name) for name in features[target].names]
  matched = {label for label in ours if label is not None}
  if len(matched) < 2:
    raise ValueError(f"TFDS set {request.name!r} has {len(matched)} of the {len(request.classes)} "
                     f"classes; its own are {', '.join(features[target].names[:5])}, ...")
  logging.info("%s: %d of its %d classes are among our %d, matched by name", request.name,
               len(matched), len(ours), len(request.classes))
  return {split: _source(request, builder, split, field, target, ours) for split in _SPLITS}


def _builder(request: Request) -> Any:
  options = {"data_dir": request.root} if request.root else {}
  try:
    builder = tfds.builder(request.name, **options)
    return builder if builder.is_prepared() else tfds.builder(
      request.name, file_format="array_record", **options)
  except tfds.core.DatasetNotFoundError as error:
    raise ValueError(f"TFDS has no data set {request.name!r}; expected a name that tfds.builder "
                     "opens, e.g. places365_small") from error


def _field(request: Request, features: Any) -> str:
  kinds = {"pixels": tfds.features.Image, "text": tfds.features.Text}
  return _only(request, features, kinds[request.row.kind])


def _only(request: Request, features: Any, kind: type) -> str:
  """Name of the field of a kind; the set's own choice where there are several."""
  names = [name for name, feature in features.items() if isinstance(feature, kind)]
  usual = [name for name in names if name in ("image", "text", "label")]
  if len(usual or names) != 1:
    raise ValueError(f"TFDS set {request.name!r} has {len(names)} fields of kind {kind.__name__}; "
                     f"expected one, among {', '.join(features)}")
  return (usual or names)[0]


def _source(request: Request, builder: Any, split: str, field: str, target: str,
            ours: Sequence[int | None]) -> _records.Records:
  theirs = next((name for name in _SPLITS[split] if name in builder.info.splits), None)
  if theirs is None:
    raise ValueError(f"TFDS set {request.name!r} has no split {' or '.join(_SPLITS[split])}; "
                     f"expected one among its {', '.join(builder.info.splits)}")
  raw = _records.opened(builder, theirs, builder.info.splits[theirs].num_examples)
  labels = _labels(request, builder, theirs, raw, target)
  table = np.array([-1 if label is None else label for label in ours], np.int32)
  indices = np.flatnonzero(table[labels] >= 0)
  read = _text(field) if request.row.kind == "text" else _pixels(field, request.row.shape[0])
  said = f"{builder.info.full_name} {theirs} {len(raw)} {request.row.shape} {labels.sum()}"
  return _records.Records(raw, table[labels][indices], read,
                          lambda _, number: f"{request.name}/{theirs}/{number}", indices,
                          hashlib.sha256(said.encode()).hexdigest()[:16])


def _labels(request: Request, builder: Any, split: str, raw: Sequence[bytes],
            target: str) -> np.ndarray:
  """The set's own labels [N], found out by reading every record once."""
  stem = builder.info.full_name.replace("/", "-")
  path = request.cache / "tfds" / f"{stem}-{split}-{len(raw)}.npy"
  if path.exists() and manifest.is_whole(manifest.beside(path), "The labels are found out again"):
    return np.load(path)
  labels = np.zeros(len(raw), np.int64)
  with progress.Progress(f"labels of {request.name} {split}", len(raw), "records") as line:
    for number in range(len(raw)):
      labels[number] = _records.Record(raw[number]).integer(target)
      line.update(number + 1)
  path.parent.mkdir(parents=True, exist_ok=True)
  manifest.lift(manifest.beside(path))
  with writing.whole(path) as file:
    np.save(file, labels)
  manifest.seal(manifest.beside(path), _kept.AGAIN, [path])
  return labels


def _text(field: str) -> Callable[[_records.Record], str]:
  return lambda record: record.text(field)


def _pixels(field: str, size: int) -> Callable[[_records.Record], np.ndarray]:
  return lambda record: np.asarray(pictures.picture(io.BytesIO(record.content(field)), size))
