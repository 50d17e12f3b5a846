"""Prepares a data set and encodes it: records on disk, cached features of frozen encoders.

  python -m launch.prepare                                 the rendered world
  python -m launch.prepare --config=configs/everyday.py    says which packages to get, then builds
"""

import time
from collections.abc import Sequence

from absl import logging

from cmx.runtime import progress
from launch import advised
from launch import common
from launch import typed

PICTURE = typed.path("picture", None,
                     "Also draw examples of every modality into this file, e.g. x.png.",
                     written="file")


def main(argv: Sequence[str]) -> None:
  from cmx.analysis import contact_sheet
  from cmx.data import opening
  from cmx.runtime import hosts
  del argv
  started, config = time.monotonic(), advised.config()
  opening.prepare(config)
  raw, dataset = opening.open_data(config)
  if PICTURE.value and hosts.is_first():
    contact_sheet.contact_sheet(raw, PICTURE.value)
  for modality in dataset.modalities:
    counts = {split: len(sources[modality.name]) for split, sources in dataset.splits.items()}
    print(f"{modality.code}  {modality.name:14} {modality.kind:7} {str(modality.shape):14} "
          + ", ".join(f"{count:,} {split}" for split, count in counts.items()))
  logging.info("%s: %d classes, %d modalities, ready in %s. Written: %s", dataset.name,
               len(dataset.classes), len(dataset.modalities),
               progress.duration(time.monotonic() - started), config.data.root)


if __name__ == "__main__":
  common.run(main, together=True)
