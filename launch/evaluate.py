"""Evaluates trained runs and prints their table.

  python -m launch.evaluate --workdir=runs/compared \\
    --runs=runs/world/seed_0/bl_ind,runs/world/seed_0/c
"""

import pathlib
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.evaluation import table_files
from cmx.training import checkpoint
from launch import common

RUNS = flags.DEFINE_list("runs", None, "Folders of trained runs; seeds of one method are averaged.",
                         required=True)
WORKDIR = flags.DEFINE_string("workdir", None,
                              "Folder for the table; the first run's where none is given.")
PAPER = flags.DEFINE_bool("paper", False, "Put the paper's means beside ours.")


def main(argv: Sequence[str]) -> None:
  del argv
  found = []
  for folder in map(pathlib.Path, RUNS.value):
    run = checkpoint.load_run(folder)
    found.append(evaluate.evaluate(run, opening.open_data(run.config).encoded, folder))
  out = pathlib.Path(WORKDIR.value or RUNS.value[0])
  print(table_files.write(out, found, paper=PAPER.value))
  logging.info("%d runs. Written: %s/table.{txt,md,csv,json}", len(found), out)


if __name__ == "__main__":
  common.run(main)
