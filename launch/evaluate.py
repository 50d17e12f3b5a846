"""Evaluates trained runs and prints their table.

  python -m launch.evaluate --workdir=runs/compared \\
    --runs=runs/world/seed_0/bl_ind,runs/world/seed_0/c
"""

import pathlib
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx.files import paths
from launch import common
from launch import typed

RUNS = typed.words("runs", None, "Folders of trained runs; seeds of one method are averaged.",
                   required=True)
WORKDIR = typed.path("workdir", None, "Folder for the table; the first run's where none is given.",
                     written="folder")
PAPER = flags.DEFINE_bool("paper", False, "Put the paper's means beside ours.")


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.evaluation import evaluate
  from cmx.evaluation import table_files
  from cmx.training import checkpoint
  del argv
  found, folders = [], [pathlib.Path(paths.own("--runs", run)) for run in RUNS.value]
  for folder in folders:
    run = checkpoint.load_run(folder)
    found.append(evaluate.evaluate(run, opening.open_data(run.config).encoded, folder))
  out = WORKDIR.value or folders[0]
  print(table_files.write(out, found, paper=PAPER.value))
  logging.info("%d runs. Written: %s/table.{txt,md,csv,json}", len(found), out)


if __name__ == "__main__":
  common.run(main)
