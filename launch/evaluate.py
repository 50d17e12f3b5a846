"""Evaluates trained runs or embeddings of any model; prints their tables and the verdict on runs.

  python -m launch.evaluate --workdir=runs/compared \\
    --runs=runs/world/seed_0/bl_ind,runs/world/seed_0/c
  python -m launch.evaluate --runs=pixels=runs/mine,pretrained=runs/other
  python -m launch.evaluate --features=photo.npz,caption.npz --train=more/photo.npz,more/caption.npz

NAME=FOLDER puts runs of one method beside each other; a folder of launch.reproduce stands for all
its rows. A complete example of embeddings, from Python to the page:

  import numpy as np
  for name in ("photo", "caption"):                        # one file a modality
    np.savez(f"{name}.npz", x=vectors[name],               # numbers [N, D]
             y=labels[name],                               # class names, or integers, [N]
             text=captions[name])                          # optional, as key and picture are
  # python -m launch.evaluate --features=photo.npz,caption.npz --workdir=runs/mine

docs/embeddings.md has the other forms: several modalities in one .npz or .parquet, and folders of
launch.extract.
"""

import pathlib
from collections.abc import Sequence

from absl import flags
from absl import logging

from launch import common
from launch import typed

RUNS = typed.words("runs", [], "Folders of trained runs or experiments, or NAME=FOLDER; seeds of "
                   "one method are averaged.")
READOUTS = flags.DEFINE_bool("readouts", False, "Compare runs by every read-out and measure their "
                             "spaces, too: it reads training examples.")
FEATURES = typed.words("features", [], "Files or folders of embeddings to evaluate, instead.")
TRAIN = typed.words("train", [], "The same of training examples, which read-outs learn from.")
TEXT = typed.words("text", [], "Modalities of --features that are text; those of texts are.")
LAYER = flags.DEFINE_string("layer", "", "Main layer of --features; '' for fc7, or the first.")
WORKDIR = typed.path("workdir", None, "Folder for the table; the first run's, compared/ in the "
                     "first experiment's, or evaluated/ beside the first file of embeddings, where "
                     "none is given.", written="folder")
PAPER = flags.DEFINE_bool("paper", False, "Put the paper's means beside ours, where the classes "
                          "are its own.")


def main(argv: Sequence[str]) -> None:
  from cmx.evaluation import runs
  from cmx.evaluation import screen
  from cmx.evaluation import table_files
  from cmx.evaluation import verdict
  from cmx.evaluation.space import measure
  from cmx.report import given
  del argv
  if FEATURES.value and not RUNS.value:
    print(given.evaluate(FEATURES.value, TRAIN.value, TEXT.value, LAYER.value, WORKDIR.value))
    return
  if FEATURES.value:
    raise ValueError("--runs and --features are both given; expected one of them")
  found, first = runs.evaluated(RUNS.value)
  out = WORKDIR.value or first
  content = table_files.write(out, found, paper=PAPER.value)
  logging.info("%d runs. Written: %s/table.{txt,md,csv,json}\n", len(found), out)
  print(screen.to_text(content))
  if READOUTS.value:
    print(measure.of_words(RUNS.value, pathlib.Path(out)))
  print(verdict.to_text(verdict.verdict(found)))


if __name__ == "__main__":
  common.run(main)
