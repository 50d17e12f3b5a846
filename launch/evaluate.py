"""Evaluates trained runs and prints their table, and the verdict on it.

  python -m launch.evaluate --workdir=runs/compared \\
    --runs=runs/world/seed_0/bl_ind,runs/world/seed_0/c
  python -m launch.evaluate --runs=pixels=runs/mine,pretrained=runs/other

NAME=FOLDER puts runs of one method beside each other; a folder of launch.reproduce stands for all
its rows.
"""

from collections.abc import Sequence

from absl import flags
from absl import logging

from launch import common
from launch import typed

RUNS = typed.words("runs", None, "Folders of trained runs or experiments, or NAME=FOLDER; seeds of "
                   "one method are averaged.", required=True)
WORKDIR = typed.path("workdir", None, "Folder for the table; the first run's, or compared/ in the "
                     "first experiment's, where none is given.", written="folder")
PAPER = flags.DEFINE_bool("paper", False, "Put the paper's means beside ours, where the classes "
                          "are its own.")


def main(argv: Sequence[str]) -> None:
  from cmx.evaluation import runs
  from cmx.evaluation import screen
  from cmx.evaluation import table_files
  from cmx.evaluation import verdict
  del argv
  found, first = runs.evaluated(RUNS.value)
  out = WORKDIR.value or first
  content = table_files.write(out, found, paper=PAPER.value)
  logging.info("%d runs. Written: %s/table.{txt,md,csv,json}\n", len(found), out)
  print(screen.to_text(content))
  print(verdict.to_text(verdict.verdict(found)))


if __name__ == "__main__":
  common.run(main)
