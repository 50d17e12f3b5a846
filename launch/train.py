"""Trains one row: the config's method, after its reference network and mixtures if need be.

  python -m launch.train --config.method=c --workdir=runs/world/seed_0/c
  python -m launch.train --config.method=reference --workdir=runs/world/seed_0/reference

Running the same command again resumes it from its newest checkpoint.
"""

import time
from collections.abc import Sequence

from absl import logging

from cmx import methods
from cmx.runtime import progress
from launch import advised
from launch import common
from launch import typed

WORKDIR = typed.path("workdir", None, "Folder of the run.", written="folder", required=True)
REFERENCE = typed.path("reference", None, "Folder of the reference network; "
                       "<workdir>/../reference where none is given.")


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.experiment import reproduce
  del argv
  started, config, workdir = time.monotonic(), advised.config(), WORKDIR.value
  method = methods.named(config.method)
  beside = workdir.parent / reproduce.REFERENCE
  reference = REFERENCE.value or beside
  opening.prepare(config)
  dataset = opening.open_data(config).encoded
  run = reproduce.train_row(config, dataset, workdir, workdir if method.reference else reference)
  logging.info("%s, %d steps in %s. Written: %s/checkpoints", method.name, run.step,
               progress.duration(time.monotonic() - started), workdir)


if __name__ == "__main__":
  common.run(main, together=True)
