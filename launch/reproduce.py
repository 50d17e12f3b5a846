"""The main job: reference network, mixtures, the eight rows of the paper, and their table.

  python -m launch.reproduce                                     the rendered world, no download
  python -m launch.reproduce --config=configs/everyday.py --workdir=runs/everyday --seeds=3

On your own folders (--config=configs/folders.py) it follows the advice of launch.check, and says
so.
Running the same command again resumes it; what is finished is not done again.
"""

import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx import methods
from cmx.runtime import progress
from launch import advised
from launch import common
from launch import rows as rows_flag
from launch import typed

WORKDIR = typed.path("workdir", "runs/world",
                     "Folder of the experiment: table and one folder a run.", written="folder")
ROWS = rows_flag.define(methods.PAPER)
SEEDS = flags.DEFINE_integer("seeds", 1, "Number of seeds, counted from the config's.",
                             lower_bound=1, upper_bound=10_000)
PAPER = flags.DEFINE_bool("paper", True, "Put the paper's means beside ours, where the "
                          "classes are its own.")
JOBS = flags.DEFINE_integer(
  "jobs", 0, "Rows trained at once, each in a process with cores of its own. 0: one on each core, "
  "as far as the memory goes; one at a time, on all devices, where there are accelerators or "
  "several hosts, or XLA_FLAGS says how many devices there are. Another number of devices a row "
  "changes the last bits of its numbers; how many are trained at once does not.",
  lower_bound=0, upper_bound=1_024)


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.experiment import reproduce
  del argv
  started = time.monotonic()
  config = advised.config(len(ROWS.value), SEEDS.value)
  opening.prepare(config)
  text = reproduce.reproduce(config, WORKDIR.value, ROWS.value, SEEDS.value,
                             PAPER.value, JOBS.value)
  logging.info("%d rows, %d seeds in %s. Written: %s/table.{txt,md,csv,json}\n", len(ROWS.value),
               SEEDS.value, progress.duration(time.monotonic() - started), WORKDIR.value)
  print(text)  # last, so that its verdict is what stays on the screen


if __name__ == "__main__":
  common.run(main, together=True)
