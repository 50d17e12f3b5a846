"""Fits mixtures of several K to a reference network and says which one describes new examples best.

  python -m launch.ladder --reference=runs/world/seed_0/reference --components=1,4,16,64

Layers and the way of fitting are the config's (--config.mixture.layers=fc6,fc7 ...). The weight of
the penalty is another question, of how rows train: launch.study --tune=alignment.weight=0.01,0.1.
Running the same command again reads the fits that are there.
"""

import time
from collections.abc import Sequence

from absl import logging

from cmx.runtime import progress
from launch import common
from launch import typed

REFERENCE = typed.path("reference", None, "Folder of the reference network.",
                       there=True, required=True)
COMPONENTS = typed.words("components", ["1", "2", "4", "8", "16", "32", "64", "128"],
                         "Numbers of components, K.")


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.experiment import choose_k
  from cmx.training import checkpoint
  del argv
  started, folder = time.monotonic(), REFERENCE.value
  if wrong := [word for word in COMPONENTS.value if not word.isdecimal()]:
    raise ValueError(f"--components has {wrong[0]!r}; expected whole numbers, e.g. 1,4,16")
  run = checkpoint.load_run(folder)
  rungs = choose_k.climb(common.CONFIG.value, run, opening.open_data(run.config).encoded, folder,
                         [int(word) for word in COMPONENTS.value])
  print(choose_k.write(folder, rungs))
  logging.info("%d mixtures in %s. Written: %s/ladder/ladder.{txt,csv,json,png,pdf}", len(rungs),
               progress.duration(time.monotonic() - started), folder)


if __name__ == "__main__":
  common.run(main)
