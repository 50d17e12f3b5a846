"""A small finished run: every kind of file that cmx writes once, by cmx's own writers, and read."""

import hashlib
import json
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import modalities
from cmx.data import encoders
from cmx.data.encoders import cache
from cmx.evaluation import evaluate
from cmx.evaluation import features
from cmx.files import manifest
from cmx.files import writing
from cmx.mixture import store
from cmx.training import checkpoint
from cmx.training import metrics

_ROWS = (modalities.NATURAL._replace(shape=(4,)), modalities.DESCRIPTION._replace(shape=(4,)))
_CLASSES = ("bed", "chair")


class Kind(NamedTuple):
  """A kind of file.

  Attributes:
    name: of the kind.
    folder: where its files lie; nothing else does.
    read: what a reader gets of them, as a digest; what can be made again is.
  """

  name: str
  folder: pathlib.Path
  read: Callable[[], str]


def digest(value: Any) -> str:
  """A short hash of nested dicts and lists of arrays, texts and numbers."""
  total = hashlib.sha256()

  def add(part: Any) -> None:
    if isinstance(part, Mapping):
      for key in sorted(part):
        add(key)
        add(part[key])
    elif isinstance(part, (list, tuple)):
      for each in part:
        add(each)
    else:
      array = np.asarray(part)
      total.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())

  add(value)
  return total.hexdigest()[:16]


def make(root: pathlib.Path) -> list[Kind]:
  """Writes the run below a folder; its kinds."""
  return [make(root / name) for name, make in (
    ("checkpoint", _checkpoint), ("metrics", _metrics), ("features", _features),
    ("result", _result), ("mixtures", _mixtures), ("records", _records),
    ("encoding", _encoding), ("table", _table))]


def _random(seed: int, *shape: int) -> np.ndarray:
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _checkpoint(folder: pathlib.Path) -> Kind:
  config = fields.replace(config_lib.Config(), {"seed": 3})
  params = {"tower": {"natural": {"kernel": _random(0, 40, 50)}},
            "fc8": {"shared": {"bias": _random(1, 60)}}}
  with checkpoint.Checkpoints(folder, 2) as checkpoints:
    for step in (3, 6):
      checkpoints.save(step, params, {"count": np.int32(step)},
                       checkpoint.card(config, _CLASSES, _ROWS, "f00d"))
    checkpoints.wait()

  def read() -> str:
    run = checkpoint.load_run(folder)
    return digest([run.params, run.step, run.classes, fields.to_json(run.config)])

  return Kind("checkpoint", folder, read)


def _metrics(folder: pathlib.Path) -> Kind:
  folder.mkdir()
  with metrics.Writer(folder, 0, False) as writer:
    for step in range(1, 20):
      writer.write(step, {"loss": 3 / step, "accuracy/natural": step / 20})
  metrics.seal(folder)
  return Kind("metrics", folder, lambda: digest(metrics.read(folder)))


def _features(folder: pathlib.Path) -> Kind:
  place = folder / "validation"
  with writing.whole_folder(place) as unfinished:
    for seed, row in enumerate(_ROWS):
      part = unfinished / row.name
      part.mkdir()
      np.save(part / "fc7.npy", _random(seed, 30, 16))
      np.save(part / "label.npy", np.arange(30, dtype=np.int32) % 2)
      (part / "key.json").write_text(json.dumps([f"{row.name}/{i}" for i in range(30)]))
    (unfinished / "modalities.json").write_text(json.dumps([row.name for row in _ROWS]))
    manifest.seal(manifest.of(unfinished), "Run launch.evaluate again")
  return Kind("features", folder, lambda: digest(features.load(place)))


def _result(folder: pathlib.Path) -> Kind:
  folder.mkdir()
  content = {"tables": [{"map": {"NAT>DSC": 0.123}}], "recognition": {"NAT": {"accuracy": 0.9}}}
  writing.write_arrays(folder / "average_precision.npz", {"fc7 cosine/NAT>DSC": _random(5, 30)})
  writing.write_text(folder / "result.json", json.dumps(content, indent=1))
  manifest.seal(manifest.beside(folder / "result.json"), "Run launch.evaluate again",
                [folder / "result.json", folder / "average_precision.npz"])
  return Kind("result", folder, lambda: digest(evaluate.load(folder)))


def _mixtures(folder: pathlib.Path) -> Kind:
  def read() -> str:
    return digest([store.read_or_make(folder / f"{layer}_k2_diagonal.npz", {"components": 2},
                                     lambda seed=seed: {"mean": _random(seed, 2, 16)})
                   for seed, layer in enumerate(("fc6", "fc7"))])

  read()
  return Kind("mixtures", folder, read)


def _records(folder: pathlib.Path) -> Kind:
  """A user's own texts and vectors; what they were made from stands beside, so they come back."""
  sources, root = folder.with_name("sources"), folder / "data"
  for split in ("train", "validation"):
    for label, name in enumerate(_CLASSES):
      for kind in ("note", "sound"):
        (sources / kind / split / name).mkdir(parents=True)
      for number in range(3):
        value = 10 * label + number
        (sources / "note" / split / name / f"{number}.txt").write_text(f"text {value}")
        np.save(sources / "sound" / split / name / f"{number}.npy", _random(value, 4))
  config = fields.replace(config_lib.Config(), {
    "data.name": "folders", "data.folders.path": str(sources), "data.root": str(root)}).data

  def read() -> str:
    data_lib.prepare(config)
    return digest([[source[i] for i in range(len(source))]
                   for sources in data_lib.load(config).splits.values()
                   for source in sources.values()])

  read()
  return Kind("records", folder, read)


def _encoding(folder: pathlib.Path) -> Kind:
  source = data_lib.Arrays(np.arange(20, dtype=np.int32) % 2, [f"text {i}" for i in range(20)],
                           [f"text/{i}" for i in range(20)])
  encoder = encoders.Encoder("made", "text", 8, "f00d", lambda texts: np.stack(
    [_random(int(text.split()[1]), 8) for text in texts]))
  dataset = data_lib.Dataset("made", _CLASSES, _ROWS, {}, "f00d")

  def read() -> str:
    found = cache._kept(dataset, "description", "train", source, encoder, folder)
    return digest([found[i] for i in range(len(found))])

  read()
  return Kind("encoding", folder, read)


def _table(folder: pathlib.Path) -> Kind:
  texts = {"table.json": '{"mean": 0.533}\n', "table.txt": "C 53.3\n", "table.csv": "C,0.533\n"}
  manifest.write_texts(folder, texts, "Run the command that has made the table again")

  def read() -> str:
    manifest.check(folder / "table.sha256.json")
    return digest([(folder / name).read_bytes() for name in texts])

  return Kind("table", folder, read)


def restore(kept: pathlib.Path, folder: pathlib.Path) -> None:
  """Makes a folder what it was when `kept` was copied from it."""
  shutil.rmtree(folder, ignore_errors=True)
  shutil.copytree(kept, folder)
