"""Writes <workdir>/report.html: one page that shows a run, or all runs of an experiment.

  python -m launch.report --workdir=runs/world            an experiment of launch.reproduce
  python -m launch.report --workdir=runs/world/seed_0/c   one run
"""

import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx.config import limits
from cmx.report import options as options_lib
from cmx.runtime import progress
from launch import common
from launch import typed

DEFAULT = options_lib.Options()
WORKDIR = typed.path("workdir", None, "Folder of the run or experiment.", written="folder",
                     there=True, required=True)
LAYER = flags.DEFINE_enum("layer", DEFAULT.layer, limits.ACTIVATIONS,
                          "Layer that maps and boards show.")
POINTS = flags.DEFINE_integer("points", DEFAULT.points, "Points of a map.", lower_bound=2)
PERPLEXITY = flags.DEFINE_float("perplexity", DEFAULT.perplexity,
                                "Neighbours that t-SNE keeps together.")
QUERIES = flags.DEFINE_integer("queries", DEFAULT.queries, "Queries of a board, each modality.",
                               lower_bound=1, upper_bound=10_000)
ASK = typed.words("ask", [], "Queries of boards: keys of examples, or categories; random "
                  "ones where none is given.")
SEED = flags.DEFINE_integer("seed", DEFAULT.seed, "Of what is drawn by lot.", lower_bound=0,
                            upper_bound=options_lib.SEEDS)


def main(argv: Sequence[str]) -> None:
  from cmx.report import page
  del argv
  started = time.monotonic()
  options = DEFAULT._replace(layer=LAYER.value, points=POINTS.value, perplexity=PERPLEXITY.value,
                             queries=QUERIES.value, ask=tuple(ASK.value),
                             seed=SEED.value)
  path = page.build(WORKDIR.value, options)
  logging.info("Report of %.1f MB in %s. Written: %s", path.stat().st_size / 1e6,
               progress.duration(time.monotonic() - started), path)


if __name__ == "__main__":
  common.run(main)
