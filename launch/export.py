"""Takes one modality's tower, with its trunk, out of a run: a folder that runs without cmx.

  python -m launch.export --workdir=runs/mine/seed_0/c --modality=photo --out=photo_tower
  python photo_tower/embed.py photo_tower/example.npy features.npz

The folder needs JAX and NumPy alone, on CPU, CUDA or TPU: network, weights, preprocessing, classes,
mean and covariance for read-outs, and a card. It is tried before it is kept.
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
MODALITY = flags.DEFINE_string("modality", None, "Name or code.", required=True)
OUT = typed.path("out", None, "Folder to write; <workdir>/export/<modality> where none is given.",
                 written="folder")


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.evaluation.export import folder
  from cmx.training import checkpoint
  del argv
  started, run = time.monotonic(), checkpoint.load_run(WORKDIR.value)
  out = OUT.value or WORKDIR.value / "export" / MODALITY.value
  card = folder.write(run, MODALITY.value, opening.open_data(run.config).encoded, out)
  print(f"{card['what']}\nInput: {card['input']}.\n{card['use']}")
  logging.info("%s taken out in %s; at most %.1g of a layer's largest value from the run, on %d "
               "examples. Written: %s", card["modality"],
               progress.duration(time.monotonic() - started), max(card["parity"]["apart"].values()),
               card["parity"]["examples"], out)


if __name__ == "__main__":
  common.run(main, of_run=WORKDIR)
