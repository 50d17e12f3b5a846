"""The same rows at several values of a field: to tune, and to find where a method begins to pay.

  python -m launch.sweep --config=configs/everyday.py --rows=bl_shfinal,a_free,c --seeds=3 \\
    --vary=network.trunk=64,256,1024 --vary=optimizer.steps=100,400,1600

Each --vary is a ladder of its own; the other fields stay as in the config. To tune, hold a part of
the training data out with --config.data.holdout=0.2, so that validation is not tuned on.
"""

import pathlib
import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx import data
from cmx import methods
from cmx.experiment import sweep
from cmx.experiment import sweep_points
from cmx.runtime import progress
from launch import common

WORKDIR = flags.DEFINE_string("workdir", "runs/sweep", "Folder of the sweep.")
ROWS = flags.DEFINE_list("rows", ["bl_ind", "bl_shfinal", "a_free", "b_gmm", "c"],
                         f"Methods, among {', '.join(methods.METHODS)}.")
SEEDS = flags.DEFINE_integer("seeds", 1, "Number of seeds, counted from the config's.",
                             lower_bound=1)
VARY = flags.DEFINE_multi_string("vary", [],
                                 "A ladder, field=value,value,...; may be given several times.")
MEASURES = flags.DEFINE_list("measures", ["mean"],
                             "Rows of panels in the plot, among the table's columns.")
AGAINST = flags.DEFINE_string("against", "", "A row: the plot also shows the gains over it.")


def main(argv: Sequence[str]) -> None:
  del argv
  started, config, workdir = time.monotonic(), common.CONFIG.value, pathlib.Path(WORKDIR.value)
  if not VARY.value:
    raise ValueError("nothing varies; expected at least one --vary=field=value,value,...")
  ladders = [sweep.parse(config, text) for text in VARY.value]
  data.prepare(config.data)
  workdir.mkdir(parents=True, exist_ok=True)
  points = sweep.run(config, workdir, ROWS.value, SEEDS.value, ladders)
  print(sweep_points.write(workdir, points))
  sweep_points.plot(points, workdir, MEASURES.value, AGAINST.value)
  logging.info("%d runs in %s. Written: %s/sweep.{txt,csv,json,png,pdf}", len(points),
               progress.duration(time.monotonic() - started), workdir)


if __name__ == "__main__":
  common.run(main)
