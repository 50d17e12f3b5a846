"""The rendered world: the embedded default, drawn here, in five modalities that share no scene.

One `tensorflow_datasets` configuration a modality, stored as ArrayRecord; no TensorFlow is needed.
"""

import dataclasses
import hashlib
import json
import pathlib
import shutil
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import modalities as modalities_lib
from cmx.data.sets import _kept
from cmx.data.sets import _records
from cmx.data.sets.rendered_world import categories
from cmx.data.sets.rendered_world import examples
from cmx.data.sets.rendered_world import workers
from cmx.files import disk
from cmx.files import manifest
from cmx.files import writing

SMALLEST = 32  # pixels; below, words cannot be read
_SPLITS = (data_lib.TRAIN, data_lib.VALIDATION)
_CARD = "card.json"  # written last: a folder with it is whole


class RenderedWorld(tfds.core.GeneratorBasedBuilder):
  """Writes the records of one modality: input, label, and ground truth as JSON text."""

  VERSION = tfds.core.Version(examples.VERSION)
  BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in examples.RENDERERS]

  def __init__(self, *, world: config_lib.World, pool: workers.Pool | None = None, **kwargs: Any):
    """Args: world: what to render; pool: who renders, not needed to read; kwargs: of the base."""
    self._world, self._pool = world, pool
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    size = self._world.image_size
    kind = modalities_lib.of_name(modalities_lib.CMPLACES, self.builder_config.name).kind
    pixels = tfds.features.Tensor(shape=(size, size, 3), dtype=np.uint8, encoding="bytes")
    features = {"input": tfds.features.Text() if kind == "text" else pixels,
                "label": tfds.features.Scalar(np.int32), "truth": tfds.features.Text()}
    return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features),
                                 description=__doc__, disable_shuffling=True)

  def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
    del dl_manager  # nothing is downloaded
    return {split: self._generate_examples(split) for split in _SPLITS}

  def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
    name, world = self.builder_config.name, self._world
    return enumerate(self._pool.records(
      world.seed, name, split, _count(world, name, split), world.image_size))


def truth(source: _records.Records, index: int) -> dict[str, Any]:
  """Ground truth of an example.

  Args:
    source: a modality's split of this data set.
    index: of the example.

  Returns:
    {"category", "backdrop", "horizon": share of the height, "light": [x, y, strength], "objects":
    [{"name", "box": [x0, y0, x1, y1] within the image, shares of it}] back to front}; objects are
    those that this modality shows or tells of.
  """
  return json.loads(source.record(index).text("truth"))


def prepare(data: config_lib.Data) -> None:
  """Renders the world unless it is there; modalities that an interrupted run has finished are kept.

  Raises:
    ValueError: if a size is too small, or the seed negative.
  """
  _check(data.world)
  folder = _folder(data)
  places = {name: _builder(folder, data.world, name).data_path for name in examples.RENDERERS}
  parts = [pathlib.Path(place) for place in places.values()]
  if (folder / _CARD).exists() and _kept.are_whole(parts):
    return
  with (writing.held(folder), disk.explained(folder), _kept.made_again(parts)):
    for left in folder.glob("**/*incomplete*"):  # of a run that was killed
      shutil.rmtree(left, ignore_errors=True)
    _render(data.world, folder, [name for name, place in places.items() if not place.exists()])
    card = {"version": examples.VERSION, "world": dataclasses.asdict(data.world)}
    if not (folder / _CARD).exists():
      writing.write_text(folder / _CARD, json.dumps(card))


def _render(world: config_lib.World, folder: pathlib.Path, missing: Sequence[str]) -> None:
  """Makes the records of the modalities that are missing."""
  if not missing:
    return
  total = _total(world, examples.RENDERERS)
  done = total - _total(world, missing)
  with workers.Pool(total, done) as pool, _records.quiet():
    for name in missing:
      _builder(folder, world, name, pool).download_and_prepare()
  shutil.rmtree(folder / "downloads", ignore_errors=True)  # TFDS makes it though it is empty


def outline(data: config_lib.Data) -> tuple[tuple[str, ...], tuple[modalities_lib.Modality, ...]]:
  """Classes and modalities, with the shapes of pictures."""
  return categories.NAMES, tuple(_sized(row, data.world.image_size)
                                 for row in modalities_lib.CMPLACES)


def side(data: config_lib.Data) -> int:
  """Pixels, height and width of pictures."""
  return data.world.image_size


def load(data: config_lib.Data) -> data_lib.Dataset:
  """Opens the records.

  Raises:
    ValueError: if a size is too small.
    FileNotFoundError: if this world is not prepared; the message says how to.
  """
  _check(data.world)
  folder = _folder(data)
  if not (folder / _CARD).exists():
    raise FileNotFoundError(
      f"the rendered world of this config is not prepared in {folder}; run python -m "
      f"launch.prepare {fields.as_flags(config_lib.Config(data=data))}".rstrip())
  _, rows = outline(data)
  splits = {split: {row.name: _source(folder, data.world, row, split) for row in rows}
            for split in _SPLITS}
  return data_lib.Dataset("rendered_world", categories.NAMES, rows, splits, fingerprint(data.world))


def _source(folder: pathlib.Path, world: config_lib.World, row: modalities_lib.Modality,
            split: str) -> _records.Records:
  count = _count(world, row.name, split)

  def read(record: _records.Record) -> np.ndarray | str:
    if row.kind == "text":
      return record.text("input")
    return np.frombuffer(record.content("input"), np.uint8).reshape(row.shape)

  builder = _builder(folder, world, row.name)
  manifest.check(manifest.of(pathlib.Path(builder.data_path)))
  raw = _records.opened(builder, split, count)
  labels = (np.arange(count) % len(categories.NAMES)).astype(np.int32)
  return _records.Records(raw, labels, read, lambda _, number: f"{row.name}/{split}/{number}")


def _check(world: config_lib.World) -> None:
  if world.image_size < SMALLEST:
    raise ValueError(f"data.world.image_size {world.image_size}; expected {SMALLEST} or more "
                     "pixels: words cannot be read below")
  if world.seed < 0:
    raise ValueError(f"data.world.seed {world.seed}; expected 0 or more")
  for field in (*examples.RENDERERS, "validation_natural", "validation_other"):
    if getattr(world, field) < 1:
      raise ValueError(f"data.world.{field} {getattr(world, field)}; expected 1 or more examples a "
                       "category: leave a modality out with data.modalities")


def _sized(row: modalities_lib.Modality, size: int) -> modalities_lib.Modality:
  return row if row.kind == "text" else row._replace(shape=(size, size, 3))


def _count(world: config_lib.World, modality: str, split: str) -> int:
  """Examples of a modality's split."""
  validation = world.validation_natural if modality == "natural" else world.validation_other
  a_category = getattr(world, modality) if split == data_lib.TRAIN else validation
  return len(categories.NAMES) * a_category


def _total(world: config_lib.World, names: Iterable[str]) -> int:
  return sum(_count(world, name, split) for name in names
             for split in _SPLITS)


def fingerprint(world: config_lib.World) -> str:
  """Short hash of the generator's version and of all of a world's fields."""
  content = json.dumps({"version": examples.VERSION, **dataclasses.asdict(world)}, sort_keys=True)
  return hashlib.sha256(content.encode()).hexdigest()[:16]


def _folder(data: config_lib.Data) -> pathlib.Path:
  return pathlib.Path(data.root) / "rendered_world" / fingerprint(data.world)


def _builder(folder: pathlib.Path, world: config_lib.World, name: str,
             pool: workers.Pool | None = None) -> RenderedWorld:
  return RenderedWorld(world=world, pool=pool, config=name, data_dir=str(folder),
                       file_format="array_record")
