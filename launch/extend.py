"""Adds a modality to a finished run: one new tower, trained against its frozen trunk.

  python -m launch.extend --workdir=runs/mine/seed_0/c --modality=sound --data=more \\
    --config.optimizer.steps=400

The run keeps every parameter to the bit; the new run, with all modalities, is written to
<workdir>/extended/<modality> and opens in launch.evaluate, report, units and invert, and here
again. --data holds <modality>/<split>/<class>/<file>, or is a manifest; its classes are some or all
of the run's. Fields of the run's config that say how to train are flags, all others stay. Running
the same command again resumes it.
"""

import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx.runtime import progress
from launch import common
from launch import typed

WORKDIR = typed.path("workdir", None, "Folder of the finished run.", there=True,
                     required=True)
MODALITY = flags.DEFINE_string("modality", None, "Name of the new modality.", required=True)
DATA = typed.path("data", None, "Root of its folders, or a manifest; the run's own data set where "
                  "none is given.")
OUT = typed.path("out", None, "Folder of the new run; <workdir>/extended/<modality> where none is "
                 "given.", written="folder")
TERMS = flags.DEFINE_string("terms", "", "Row whose terms are added to the cross entropy, e.g. "
                            "class_tune for the mixture by class; none for the cross entropy "
                            "alone; the run's own row where none is given.")
TRUNK = flags.DEFINE_string("trunk", "", "Modality whose trunk it feeds, where each has its own, "
                            "and whose activations it is drawn to; the reference where none is "
                            "given.")


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.evaluation import screen
  from cmx.evaluation import table_files
  from cmx.experiment import extend
  from cmx.training import checkpoint
  del argv
  started, workdir = time.monotonic(), WORKDIR.value
  run = checkpoint.load_run(workdir)
  config = extend.config_of(run, workdir, common.CONFIG.value, extend.Asked(
    MODALITY.value, DATA.value, TERMS.value, TRUNK.value))
  opening.prepare(config)
  out = OUT.value or workdir / "extended" / MODALITY.value
  found = extend.extend(config, run, out)
  print(screen.to_text(table_files.write(out, [found.result])))
  for name, digest in found.digests.items():
    print(f"  {name:<28} {digest}  unchanged")
  logging.info("%s added in %s; %d of %d old parameters unchanged. Written: %s", MODALITY.value,
               progress.duration(time.monotonic() - started), len(found.digests),
               len(found.digests), out)


if __name__ == "__main__":
  common.run(main, together=True, of_run=WORKDIR)
