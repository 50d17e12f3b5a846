"""CMPlaces: 205 categories of scenes in five modalities, from the archives that a user has.

One `tensorflow_datasets` configuration a modality. `tfds build cmplaces` with
`--imports=cmx.data.sets.cmplaces.dataset` makes the same records as `launch.prepare`, and
`launch.build` is it without TensorFlow. Archives are read where they lie, in TFDS's manual
directory; pictures are kept as encoded bytes and decoded as they are read.

TFDS's own writers hold a split in memory, or need TensorFlow beyond a gigabyte, and start anew when
stopped; here every shard is written whole or not at all.

Source: Castrejon et al. 2016 (CMPlaces); Zhou et al. 2014 (Places205).
"""

import functools
import hashlib
import json
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

from absl import logging
import numpy as np
import tensorflow_datasets as tfds

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import modalities as modalities_lib
from cmx.data.sets import _kept
from cmx.data.sets import _records
from cmx.data.sets import _shards
from cmx.data.sets import _tfds
from cmx.data.sets.cmplaces import categories
from cmx.data.sets.cmplaces import contents
from cmx.data.sets.cmplaces import layout
from cmx.data.sets.cmplaces import shards
from cmx.files import disk
from cmx.files import manifest
from cmx.files import writing
from cmx.runtime import hosts

VERSION = "1.0.0"
SPLITS = (data_lib.TRAIN, data_lib.VALIDATION)
_CARD = "card.json"  # beside the records: fingerprints, what was found, what was left out
_INSTRUCTIONS = layout.missing(pathlib.Path(), layout.PARTS).split("\n", 1)[1]


class Cmplaces(tfds.core.dataset_builder.FileReaderBuilder):
  """Records of one modality: picture or text, label and key, in the archive's order."""

  VERSION = tfds.core.Version(VERSION)
  BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=row.name, description=f"{row.name}, {row.kind}")
                     for row in modalities_lib.CMPLACES]
  MANUAL_DOWNLOAD_INSTRUCTIONS = _INSTRUCTIONS

  def __init__(self, *, damaged: int = 0, **kwargs: Any):
    """Args: damaged: files that do not decode and are left out, at most; kwargs: of the base."""
    self._damaged = damaged
    kwargs.setdefault("file_format", "array_record")
    super().__init__(**kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    features = shards.features(self.builder_config.name)
    field = "image" if "image" in features else "text"
    return tfds.core.DatasetInfo(
      builder=self, features=features, description=__doc__.split("\n")[0],
      supervised_keys=(field, "label"), disable_shuffling=True,
      homepage="http://cmplaces.csail.mit.edu", license="research only",
      citation="Castrejon et al., Learning Aligned Cross-Modal Representations from Weakly Aligned "
      "Data, CVPR 2016")

  def _download_and_prepare(self, dl_manager: Any, download_config: Any = None) -> None:
    settings = download_config or tfds.download.DownloadConfig()
    limit = settings.max_examples_per_split
    if limit == 0:
      return
    work = self.planned(pathlib.Path(dl_manager.manual_dir), limit)
    plan = shards.plan_of(work)
    for remark in plan["remarks"]:
      logging.info("%s: %s", self.builder_config.name, remark)
    shards.write(work, beam_options=settings.beam_options,
                 beam_runner=settings.beam_runner)
    card = shards.card(work, plan, self._damaged)
    self.info.set_splits(tfds.core.SplitDict([
      self._collected(work, split, names) for split, names in plan["shards"].items()]))
    (pathlib.Path(self.data_dir) / _CARD).write_text(json.dumps(card, indent=1))

  def planned(self, manual: pathlib.Path, limit: int | None = None) -> pathlib.Path:
    """The folder of the shards with their plan; see `shards.planned`."""
    name = self.builder_config.name
    home = pathlib.Path(self.data_dir_root) / self.name / name
    return shards.planned(home, manual, name, VERSION, self.info.file_format, limit)

  def _collected(self, work: pathlib.Path, split: str, names: Sequence[str]) -> Any:
    """Moves a split's shards to where TFDS expects them; its labels beside them."""
    template = self._get_filename_template(split_name=split)
    results = [_shards.done(work, name) for name in names]
    size = 0
    for index, name in enumerate(names):
      path = template.sharded_filepath(shard_index=index, num_shards=len(names))
      (work / f"{name}{shards.RECORDS}").replace(path)
      size += pathlib.Path(path).stat().st_size
    labels = np.array([label for result in results for label in result["labels"]], np.int32)
    np.save(pathlib.Path(self.data_dir) / f"{split}.labels.npy", labels)
    return tfds.core.SplitInfo(name=split, num_bytes=size, filename_template=template,
                               shard_lengths=[len(result["labels"]) for result in results])

  def _post_download_and_prepare_hook(self) -> None:
    for left in self.data_path.parent.glob(f"{shards.WORK}*"):
      shutil.rmtree(left)


def _manual_folder(data: config_lib.Data) -> pathlib.Path:
  """Folder of the archives: the config's, or TFDS's manual directory."""
  return pathlib.Path(data.cmplaces.archives or pathlib.Path(data.root) / "downloads" / "manual")


def prepare(data: config_lib.Data) -> None:
  """Makes the records of all modalities that the config names, unless they are there.

  Raises:
    FileNotFoundError: if archives are missing; the message says which, where from, where to.
    ValueError: if archives or lists are bad; the message names file and line.
  """
  settings = tfds.download.DownloadConfig(manual_dir=_manual_folder(data), try_download_gcs=False,
                                          beam_options=_shards.options(data.cmplaces.beam))
  folders = [_folder(data, name) for name in _ours(data)]
  if not _kept.are_whole(folders):
    with writing.held(pathlib.Path(data.root) / Cmplaces.name), _kept.made_again(folders):
      for name in _left(data):
        with (writing.held(_folder(data, name)), disk.explained(_folder(data, name)),
              _records.quiet()):
          _builder(data, name).download_and_prepare(download_config=settings)
        logging.info("%s prepared. Written: %s", name, _folder(data, name))
  for row in _rows(data):
    if getattr(data.cmplaces, row.name):
      _tfds.prepare(_other(data, row))


def share(data: config_lib.Data) -> None:
  """Writes this process' share of the shards of what is not prepared; Beam shares by itself.

  Raises:
    As `prepare`.
  """
  for name in () if data.cmplaces.beam else _left(data):
    builder = _builder(data, name)
    with hosts.first_alone(name):
      work = builder.planned(_manual_folder(data))
    shards.write(work, hosts.share)


def _left(data: config_lib.Data) -> list[str]:
  """Modalities from archives that are not prepared; FileNotFoundError if archives are missing."""
  left = [name for name in _ours(data) if not _folder(data, name).exists()]
  if missing := layout.missing(_manual_folder(data), left):
    raise FileNotFoundError(f"{missing}\nOr leave modalities out with --config.data.modalities; "
                            "any TFDS classification set can stand in for one, e.g. "
                            "--config.data.cmplaces.natural=places365_small")
  return left


def _ours(data: config_lib.Data) -> list[str]:
  """Modalities from archives."""
  return [row.name for row in _rows(data) if not getattr(data.cmplaces, row.name)]


def outline(data: config_lib.Data) -> tuple[tuple[str, ...], tuple[modalities_lib.Modality, ...]]:
  """Classes and modalities, with the shapes of pictures."""
  return categories.NAMES, _rows(data)


def side(data: config_lib.Data) -> int:
  """Pixels, height and width of pictures."""
  return data.cmplaces.image_size


def load(data: config_lib.Data) -> data_lib.Dataset:
  """Opens the records of the modalities that the config names.

  Raises:
    FileNotFoundError: if a modality is not prepared; the message says how to.
    ValueError: if the size of images is not within 32 to 256 pixels.
  """
  if not 32 <= data.cmplaces.image_size <= contents.SIDE:
    raise ValueError(f"data.cmplaces.image_size {data.cmplaces.image_size}; expected 32 to "
                     f"{contents.SIDE} pixels")
  rows, prints = _rows(data), []
  splits: dict[str, dict[str, data_lib.Source]] = {split: {} for split in SPLITS}
  for row in rows:
    sources = (_tfds.sources(_other(data, row)) if getattr(data.cmplaces, row.name)
               else _sources(data, row))
    for split, source in sources.items():
      splits[split][row.name] = source
      prints.append(source.fingerprint)
  fingerprint = hashlib.sha256("".join(prints).encode()).hexdigest()[:16]
  return data_lib.Dataset("cmplaces", categories.NAMES, rows, splits, fingerprint)


def _rows(data: config_lib.Data) -> tuple[modalities_lib.Modality, ...]:
  size = data.cmplaces.image_size
  return tuple(row._replace(shape=(size, size, 3)) if row.kind == "pixels" else row
               for row in modalities_lib.select(modalities_lib.CMPLACES, data.modalities))


def _other(data: config_lib.Data, row: modalities_lib.Modality) -> _tfds.Request:
  return _tfds.Request(getattr(data.cmplaces, row.name), data.cmplaces.tfds_root,
                       pathlib.Path(data.root), row, categories.NAMES,
                       categories.label_of)


def _folder(data: config_lib.Data, name: str) -> pathlib.Path:
  return pathlib.Path(data.root) / Cmplaces.name / name / VERSION


def _builder(data: config_lib.Data, name: str) -> Cmplaces:
  return Cmplaces(config=name, data_dir=data.root, damaged=data.cmplaces.damaged)


def _sources(data: config_lib.Data, row: modalities_lib.Modality) -> dict[str, _records.Records]:
  folder = _folder(data, row.name)
  if not (folder / _CARD).exists():
    raise FileNotFoundError(
      f"{row.name} of CMPlaces is not prepared in {folder}; run python -m launch.prepare "
      f"{fields.as_flags(config_lib.Config(data=data))} with its archives in "
      f"{_manual_folder(data)}")
  manifest.check(manifest.of(folder))
  card = json.loads((folder / _CARD).read_text())
  builder, records = _builder(data, row.name), {}
  for split in SPLITS:
    labels = np.load(folder / f"{split}.labels.npy")
    read, mark = _records.text, ""
    if row.kind == "pixels":
      read, mark = functools.partial(_pixels, size=row.shape[0]), f"-{row.shape[0]}"
    records[split] = _records.Records(_records.opened(builder, split, len(labels)), labels, read,
                                      _records.key, fingerprint=card["fingerprints"][split] + mark)
  return records


def _pixels(record: _records.Record, size: int) -> np.ndarray:
  return contents.pixels(record.content("image"), size)
