"""What a table costs before it is paid for: parameters, memory, operations, hours, input.

  python -m launch.cost --config=configs/cmplaces.py --devices=8 --input=4800
  python -m launch.cost --config=configs/world.py --rows=c --compile

Everything is computed from shapes: no data are read, nothing is trained.
"""

import json
import math
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx import fields
from cmx import methods
from cmx.runtime import progress
from launch import advised
from launch import common
from launch import rows as rows_flag
from launch import typed

ROWS = rows_flag.define(methods.PAPER)
DEVICES = flags.DEFINE_integer("devices", 1, "Number of devices that divide a batch.",
                               lower_bound=1)
UTILISATION = flags.DEFINE_float("utilisation", 0.3, "Share of the devices' peak that is reached.",
                                 lower_bound=1e-6, upper_bound=1.0)
INPUT = flags.DEFINE_float("input", math.inf, "Examples a second that all hosts together read, "
                           "decode and vary: some 300 a core at full size.", lower_bound=1e-6)
DISK = flags.DEFINE_float("disk", 200.0, "MB/s that a checkpoint is written with.",
                          lower_bound=1e-6)
COMPILE = flags.DEFINE_bool("compile", False, "Also ask this machine's compiler for its figure of "
                            "memory: some minutes at full size.")
JSON = typed.path("json", None, "File that all numbers are written to.",
                  written="file")


def main(argv: Sequence[str]) -> None:
  from cmx.experiment import budget
  from cmx.experiment import cost
  from cmx.experiment import reproduce
  del argv
  config, rows = advised.config(read=False), [reproduce.REFERENCE, *ROWS.value]
  for name in rows:
    methods.named(name)
  modalities, classes, assumed = cost.modalities_of(config)
  logging.info("%d rows: %s%s", len(rows), progress.about(len(rows) * cost.ROW_S),
               ", and as long as the compiler takes" if COMPILE.value else "")
  found = []
  with progress.Progress("computing", len(rows), "rows") as line:
    for name in rows:
      found.append(cost.row(fields.for_method(config, name), modalities, classes, DEVICES.value,
                            compiled=COMPILE.value))
      line.update(len(found))
  plan = budget.Plan(tuple(found), DEVICES.value, UTILISATION.value, DISK.value * 1e6,
                     INPUT.value, tuple(assumed))
  print(budget.to_text(plan))
  if JSON.value:
    JSON.value.write_text(json.dumps(budget.to_json(plan), indent=1))
    print(f"Written: {JSON.value}")


if __name__ == "__main__":
  common.run(main)
