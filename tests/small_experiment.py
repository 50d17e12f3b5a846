"""An experiment on disk as `launch.reproduce` leaves it, of made-up features."""

import dataclasses
import json

import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx import methods
from cmx import modalities
from cmx.evaluation import features
from cmx.evaluation import results
from cmx.evaluation import retrieval
from cmx.training import checkpoint
from cmx.training import workdir

CLASSES = ("red", "gre&n", "blue <b>")
ROWS = (modalities.NATURAL._replace(shape=(8, 8, 3)), modalities.CLIPART._replace(shape=(8, 8, 3)),
        modalities.DESCRIPTION._replace(shape=(5,)))
LAYERS = {"pool5": 6, "fc7": 4}


class Source:
  """Pictures of their class's colour, or texts; a source of `data.Dataset`."""

  def __init__(self, modality, count):
    self.labels = (np.arange(count) % len(CLASSES)).astype(np.int32)
    self._modality = modality

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    label = int(self.labels[index])
    x = np.full((8, 8, 3), 20, np.uint8)
    x[..., label] = 200 + index % 50
    if self._modality.kind == "text":
      x = f"Text {index}: <script>alert('{CLASSES[label]}')</script> & more."
    return {"input": x, "label": label, "key": f"{self._modality.name}/{index}"}


def dataset(count=12, classes=CLASSES):
  splits = {split: {row.name: Source(row, count) for row in ROWS}
            for split in (data.TRAIN, data.VALIDATION)}
  return data.Dataset("made_up", classes, ROWS, splits, "f1f2f3")


def write_features(folder, source, seed=0, spread=0.3, layers=LAYERS, rows=ROWS):
  """Features near a point of the class, which all modalities share, in the order of `extract`."""
  rng = np.random.default_rng(seed)
  for row in rows:
    part = source.splits[data.VALIDATION][row.name]
    order = features.order(len(part))
    labels, name = part.labels[order], folder / row.name
    name.mkdir(parents=True)
    for layer, width in {**layers, "fc8": len(CLASSES)}.items():
      centres = np.eye(len(CLASSES), width)
      x = np.maximum(centres[labels] + rng.normal(0, spread, (len(labels), width)), 0)
      np.save(name / f"{layer}.npy", x.astype(np.float32))
    np.save(name / "label.npy", labels)
    (name / "key.json").write_text(json.dumps([part[int(i)]["key"] for i in order]))
  (folder / "modalities.json").write_text(json.dumps([row.name for row in rows]))


def write_run(folder, method="c", seed=0, source=None, recorded=None, **options):
  """A run with checkpoint, metrics, features and result; `recorded`: as its classes' names."""
  source = source or dataset()
  config = dataclasses.replace(config_lib.Config(), method=method, seed=seed)
  workdir.claim(folder, config)
  with checkpoint.Checkpoints(folder, keep=1) as checkpoints:
    checkpoints.save(7, {"fc8": {"shared": {"bias": np.zeros(3)}}}, {"count": np.zeros(1)},
                     checkpoint.card(config, source.classes, ROWS, source.fingerprint))
  lines = [{"step": step, "loss": 3 / step, "loss/cross_entropy": 2 / step, "gradient_norm": 1.0,
            **{f"{kind}/{row.name}": 1 / step for kind in ("loss", "accuracy") for row in ROWS}}
           for step in (1, 4, 7)]
  lines[-1] |= {f"validation_{kind}/{row.name}": 0.5 for kind in ("loss", "accuracy")
                for row in ROWS}
  (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
  write_features(folder / "features" / data.VALIDATION, source, seed, **options)
  found = features.load(folder / "features" / data.VALIDATION)
  result = results.run_result(
    method, methods.named(method).name, seed, ROWS,
    [retrieval.retrieval_table(found, "fc7", "cosine")],
    {name: retrieval.recognition(part["fc8"], part["label"]) for name, part in found.items()},
    classes=recorded or source.classes,
    training={row.name: len(source.splits[data.TRAIN][row.name]) for row in ROWS})
  (folder / "result.json").write_text(json.dumps(result))


def write(folder, rows=("bl_ind", "c"), seeds=(0, 1), **options):
  """An experiment of these methods and seeds."""
  for seed in seeds:
    for i, row in enumerate(rows):
      write_run(folder / f"seed_{seed}" / row, row, seed, spread=1.0 - 0.7 * i, **options)
