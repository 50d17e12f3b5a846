"""Draws a map of a run's features, all modalities in one plane: PNG, PDF, SVG and a page.

  python -m launch.map --workdir=runs/world/seed_0/c --layer=fc7 --points=2000
"""

import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx import data
from cmx.config import limits
from cmx.files import paths
from cmx.report import options as options_lib
from cmx.runtime import progress
from launch import common
from launch import typed

DEFAULT = options_lib.Options()
WORKDIR = typed.path("workdir", None, "Folder of the run.", there=True, required=True)
SPLIT = flags.DEFINE_enum("split", data.VALIDATION, [data.TRAIN, data.VALIDATION],
                          "Which examples.")
LAYER = flags.DEFINE_enum("layer", DEFAULT.layer, limits.ACTIVATIONS, "Layer to draw.")
MODALITIES = typed.words("modalities", [], "Names or codes; all where none is given.")
POINTS = flags.DEFINE_integer("points", 2_000, "Points, all modalities together.", lower_bound=2)
PERPLEXITY = flags.DEFINE_float("perplexity", DEFAULT.perplexity,
                                "Neighbours that t-SNE keeps together.")
SEED = flags.DEFINE_integer("seed", DEFAULT.seed, "Of sample and t-SNE.", lower_bound=0,
                            upper_bound=options_lib.SEEDS)
OUT = typed.path("out", None, "Files <out>.{html,png,pdf,svg}; "
                 "<workdir>/maps/<split>_<layer> where none is given.")


def main(argv: Sequence[str]) -> None:
  from cmx.evaluation import kept
  from cmx.report import map_alone
  from cmx.training import checkpoint
  del argv
  started, workdir = time.monotonic(), WORKDIR.value
  out = OUT.value or workdir / "maps" / f"{SPLIT.value}_{LAYER.value}"
  paths.check_folder("--out", out.parent)
  run = checkpoint.load_run(workdir)
  folder = kept.of_layer(run, workdir, SPLIT.value, LAYER.value)
  options = DEFAULT._replace(layer=LAYER.value, points=POINTS.value, perplexity=PERPLEXITY.value,
                             seed=SEED.value)
  said = map_alone.write(run, folder, SPLIT.value, MODALITIES.value, options, out)
  logging.info("%s\nMap in %s. Written: %s.{html,png,pdf,svg}", said,
               progress.duration(time.monotonic() - started), out)


if __name__ == "__main__":
  common.run(main)
