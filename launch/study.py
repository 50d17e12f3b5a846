"""A study: rows x seeds x values, with intervals, tests, and what could have been seen.

  python -m launch.study --config=configs/everyday.py --workdir=runs/study --seeds=5 \\
    --rows=bl_shfinal,bl_ind,class_own,c --against=bl_shfinal \\
    --tune=alignment.weight=0.3,1,3 --sweep=optimizer.steps=100,400,1600

Trains every row for every seed at every value of --sweep (one field at a time) and writes
study.{txt,md,tex,csv,json,png,pdf}. --tune gives each row the best of as many trials, judged on
held-out training examples. Running it again goes on; run it in several shells, or on several hosts
that see the folder, and they share the work. --look shows what is there meanwhile.
--config.data.unseen_classes=8 adds retrieval of classes that no modality's training shows.
"""

import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx.runtime import progress
from launch import advised
from launch import common
from launch import rows as rows_flag
from launch import typed

WORKDIR = typed.path("workdir", "runs/study", "Folder of the study.", written="folder")
ROWS = rows_flag.define(["bl_shfinal", "bl_ind", "class_own", "a_free", "c"])
SEEDS = flags.DEFINE_integer("seeds", 5, "Number of seeds, counted from the config's.",
                             lower_bound=1, upper_bound=10_000)
AGAINST = flags.DEFINE_string("against", "", "Row that the others are compared with; the first of "
                              "--rows where none is named.")
SWEEP = flags.DEFINE_multi_string("sweep", [], "field=value,value,...; may be given several times, "
                                  "one field then varies at a time.")
TUNE = flags.DEFINE_multi_string("tune", [], "field=value,value,...; may be given several times, "
                                 "each value is then tried with each of the others.")
HOLDOUT = flags.DEFINE_float("holdout", 0.2, "Share of each training cell that --tune judges by.",
                             lower_bound=0.0, upper_bound=0.9)
MEASURES = typed.words("measures", [], "Columns with a table and a panel of their own, e.g. "
                       "mean,recognition; mean and unseen classes where none is named.")
LOOK = flags.DEFINE_bool("look", False, "Only make the table of the runs that are there.")


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.experiment.study import plan
  from cmx.experiment.study import study as study_lib
  del argv
  started, config, rows = time.monotonic(), advised.config(), ROWS.value
  opening.prepare(config)
  study = study_lib.Study(
    config, WORKDIR.value, rows, SEEDS.value, AGAINST.value or (rows or [""])[0],
    [plan.parse(config, text) for text in SWEEP.value],
    [plan.parse(config, text) for text in TUNE.value], HOLDOUT.value, MEASURES.value,
    LOOK.value)
  print(study_lib.write(study, study_lib.run(study)))
  logging.info("%s. Written: %s/study.{txt,md,tex,csv,json,png,pdf}",
               progress.duration(time.monotonic() - started), study.workdir)


if __name__ == "__main__":
  common.run(main)
