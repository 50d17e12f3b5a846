"""Turns features of a trained run back into pictures of its reference modality, for every modality.

  python -m launch.invert --workdir=runs/world/seed_0/c
  python -m launch.invert --workdir=runs/world/seed_0/c --config.inversion.layer=pool5

Trains the decoder of the layer where it is not there; running the same command again resumes it.
Only the inversion's fields of the config are read: the rest is the run's own.
"""

import time
from collections.abc import Sequence

from absl import logging

from cmx.runtime import progress
from launch import common
from launch import typed

WORKDIR = typed.path("workdir", None, "Folder of the run.", written="folder", there=True,
                     required=True)


def main(argv: Sequence[str]) -> None:
  from cmx.analysis.inversion import invert
  from cmx.analysis.inversion import result as result_lib
  from cmx.training import checkpoint
  del argv
  started, settings = time.monotonic(), common.CONFIG.value.inversion
  run = checkpoint.load_run(WORKDIR.value)
  result, folder = invert.invert(run, WORKDIR.value, settings)
  print(result_lib.to_text(result.content))
  logging.info("Inversion of %s in %s. Written: %s/{sheet.{png,pdf},table.{txt,csv},result.json}",
               settings.layer, progress.duration(time.monotonic() - started), folder)


if __name__ == "__main__":
  common.run(main)
