"""The rendered world: the embedded default, drawn here, in five modalities that share no scene.

One `tensorflow_datasets` configuration a modality, stored as ArrayRecord; no TensorFlow is needed.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import pathlib
import shutil
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.proto import tf_example_pb2

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.world import categories
from cmx.world import examples
from cmx.world import workers

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
    size, kind = self._world.image_size, _row(self.builder_config.name).kind
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


class Records:
  """One modality's split as a source, with ground truth; safe to read from several threads.

  TFDS' own decoding of an example takes 50-75 us, most of it for bookkeeping over its features.
  Reading the record's bytes and taking the one field that training needs takes 11-50 us, nearly all
  of it in ArrayRecord's decompression.
  """

  def __init__(self, records: Any, modality: modalities_lib.Modality, split: str, count: int):
    if len(records) != count:
      raise ValueError(f"{len(records)} records of {modality.name} {split}; expected {count}: "
                       "remove the folder and prepare again")
    self.labels = (np.arange(count) % len(categories.NAMES)).astype(np.int32)
    self._records, self._modality, self._split = records, modality, split

  def __len__(self) -> int:
    return len(self.labels)

  def __getitem__(self, index: int) -> data_lib.Example:
    label, raw = int(self.labels[index]), self._field(index, "input")
    x = (raw.decode() if self._modality.kind == "text"
         else np.frombuffer(raw, np.uint8).reshape(self._modality.shape))
    return {"input": x, "label": label, "key": f"{self._modality.name}/{self._split}/{index}"}

  def truth(self, index: int) -> dict[str, Any]:
    """See `truth`."""
    return json.loads(self._field(index, "truth"))

  def _field(self, index: int, name: str) -> bytes:
    example = tf_example_pb2.Example.FromString(self._records[int(index)])
    return example.features.feature[name].bytes_list.value[0]


def truth(source: Records, index: int) -> dict[str, Any]:
  """Ground truth of an example.

  Args:
    source: a modality's split of this data set.
    index: of the example.

  Returns:
    {"category", "backdrop", "horizon": share of the height, "light": [x, y, strength], "objects":
    [{"name", "box": [x0, y0, x1, y1] within the image, shares of it}] back to front}; objects are
    those that this modality shows or tells of.
  """
  return source.truth(index)


def prepare(data: config_lib.Data) -> None:
  """Renders the world unless it is there; modalities that an interrupted run has finished are kept.

  Raises:
    ValueError: if a size is too small, or the seed negative.
  """
  _check(data.world)
  folder = _folder(data)
  with _locked(folder):
    if (folder / _CARD).exists():
      return
    for left in folder.glob("**/*incomplete*"):  # of a run that was killed
      shutil.rmtree(left, ignore_errors=True)
    missing = [name for name in examples.RENDERERS
               if not _builder(folder, data.world, name).data_path.exists()]
    with workers.Pool(_total(data.world, examples.RENDERERS),
                      _total(data.world, set(examples.RENDERERS) - set(missing))) as pool, _quiet():
      for name in missing:
        _builder(folder, data.world, name, pool).download_and_prepare()
    shutil.rmtree(folder / "downloads", ignore_errors=True)  # TFDS makes it though it is empty
    part = folder / f"{_CARD}.incomplete"
    card = {"version": examples.VERSION, "world": dataclasses.asdict(data.world)}
    part.write_text(json.dumps(card))
    part.rename(folder / _CARD)


def load(data: config_lib.Data) -> data_lib.Dataset:
  """Opens the records.

  Raises:
    ValueError: if a size is too small.
    FileNotFoundError: if this world is not prepared; the message says how to.
  """
  _check(data.world)
  folder = _folder(data)
  if not (folder / _CARD).exists():
    raise FileNotFoundError(f"the rendered world of this config is not prepared in {folder}; run "
                            f"python -m launch.prepare --config.data.root={data.root} with the "
                            "same --config.data.world fields")
  rows = tuple(_sized(row, data.world.image_size) for row in modalities_lib.CMPLACES)
  splits: dict[str, dict[str, Records]] = {data_lib.TRAIN: {}, data_lib.VALIDATION: {}}
  for row in rows:
    builder = _builder(folder, data.world, row.name)
    for split, sources in splits.items():
      records = builder.as_data_source(split=split).data_source
      sources[row.name] = Records(records, row, split, _count(data.world, row.name, split))
  return data_lib.Dataset("rendered_world", categories.NAMES, rows, splits, fingerprint(data.world))


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


def _row(name: str) -> modalities_lib.Modality:
  return modalities_lib.select(modalities_lib.CMPLACES, [name])[0]


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


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
  """Holds the folder's lock: a second process waits, and then finds the records made."""
  folder.parent.mkdir(parents=True, exist_ok=True)
  with folder.with_suffix(".lock").open("w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """TFDS prints and draws bars of its own; the progress line says more."""
  tfds.disable_progress_bar()
  with contextlib.redirect_stdout(io.StringIO()):
    yield
