"""Writes the features of a trained run: arrays of activations, labels and keys of a split.

  python -m launch.extract --workdir=runs/world/seed_0/c --split=validation --layers=pool5,fc7
"""

import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx import data
from cmx.files import paths
from cmx.runtime import progress
from launch import common
from launch import typed

WORKDIR = typed.path("workdir", None, "Folder of the run.", there=True, required=True)
SPLIT = flags.DEFINE_enum("split", data.VALIDATION, [data.TRAIN, data.VALIDATION],
                          "Which examples.")
LAYERS = typed.words("layers", ["fc7"],
                     "Activations, among pool5, fc6_linear, fc6, fc7_linear, fc7, fc8.")
OUT = typed.path("out", None, "Folder for <modality>/{<layer>,label}.npy and key.json; "
                 "<workdir>/features/<split>_<layers> where none is given.")


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.evaluation import features
  from cmx.training import checkpoint
  del argv
  started, workdir = time.monotonic(), WORKDIR.value
  run = checkpoint.load_run(workdir)  # the run's own config says which data it belongs to
  default = workdir / "features" / f"{SPLIT.value}_{'_'.join(LAYERS.value)}"
  folder = OUT.value or default
  paths.check_folder("--out", folder)
  dataset = opening.open_data(run.config).encoded
  found = features.extract(run, dataset, SPLIT.value, LAYERS.value, folder,
                           batch=run.config.evaluation.batch)
  for name, part in found.items():
    print(name, ", ".join(f"{layer} {list(array.shape)}" for layer, array in part.items()))
  logging.info("Features in %s. Written: %s", progress.duration(time.monotonic() - started), folder)


if __name__ == "__main__":
  common.run(main)
