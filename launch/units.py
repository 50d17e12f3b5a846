"""What the units of trained runs answer to: top examples, consistency across modalities, objects.

  python -m launch.units --workdir=runs/world/seed_0/c    one run
  python -m launch.units --workdir=runs/world             all runs of an experiment, side by side

Writes <run>/units/ and the table <workdir>/units.{txt,csv,json,png,pdf}. Of several seeds of a
method, pages are drawn for the first. Running the same command again does what is missing.
"""

import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx import data
from cmx.analysis.units import options as options_lib
from cmx.runtime import progress
from launch import common
from launch import typed

DEFAULT = options_lib.Options()
WORKDIR = typed.path("workdir", None, "Folder of a run, or of an experiment.",
                     there=True, required=True, written="folder")
SPLIT = flags.DEFINE_enum("split", DEFAULT.split, [data.TRAIN, data.VALIDATION], "Which examples.")
LAYERS = typed.words("layers", list(DEFAULT.layers), "Activations to look at.")
MODALITIES = typed.words("modalities", [], "Names or codes; all of the run where none.")
TOP = flags.DEFINE_integer("top", DEFAULT.top, "Examples of each unit and modality.", lower_bound=1,
                           upper_bound=10_000)
SHOW = flags.DEFINE_integer("show", DEFAULT.show, "Units with a page, of each layer: so many of "
                            "the most consistent, as many by lot; 0 for numbers alone.",
                            lower_bound=0)
PLACES = flags.DEFINE_float("places", DEFAULT.places, "Share of places at which a unit fires.")
EXAMPLES = flags.DEFINE_float("examples", DEFAULT.examples, "Share of examples on which it fires, "
                              "where it has no map.")
PERMUTATIONS = flags.DEFINE_integer("permutations", DEFAULT.permutations,
                                    "Of classes, for the null hypothesis.", lower_bound=19,
                                    upper_bound=1_000_000)
SQUARES = flags.DEFINE_integer("squares", DEFAULT.squares, "Where a unit has no map, so many "
                               "squares a side of a picture are covered in turn; 0 for none: slow "
                               "where an encoder reads the pictures.", lower_bound=0,
                               upper_bound=256)
LIMIT = flags.DEFINE_integer("limit", None, "Examples of each modality at most, by lot.",
                             lower_bound=1)
SEED = flags.DEFINE_integer("seed", DEFAULT.seed, "Of permutations and lots.", lower_bound=0)


def main(argv: Sequence[str]) -> None:
  from cmx.analysis.units import comparison
  from cmx.analysis.units import study
  del argv
  started, workdir = time.monotonic(), WORKDIR.value
  options = options_lib.Options(
    SPLIT.value, tuple(LAYERS.value), tuple(MODALITIES.value), TOP.value, SHOW.value, PLACES.value,
    EXAMPLES.value, PERMUTATIONS.value, SQUARES.value, LIMIT.value, SEED.value)
  found = study.study_all(workdir, options)
  print(comparison.write(workdir, found))
  logging.info("Units of %d runs in %s. Written: %s/units.{txt,csv,json,png,pdf}", len(found),
               progress.duration(time.monotonic() - started), workdir)


if __name__ == "__main__":
  common.run(main)
