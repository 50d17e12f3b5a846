"""Draws spatial text, words where objects are, from annotated photographs, for CMPlaces.

  python -m launch.spatial_text --annotations=SUN/Annotations --out=ARCHIVES/spatial_text.zip

Reads LabelMe's and SUN's XML and the JSON of ADE20K and COCO, in a folder or an archive. The
photographs' folders or scenes name their categories; COCO has none, so its photographs need
--labels, a list with a path and a label a line.
"""

import time
from collections.abc import Sequence

from absl import flags
from absl import logging

from cmx.data.sets.cmplaces.annotations import writing
from cmx.runtime import progress
from launch import common
from launch import typed

DEFAULT = writing.Options()
ANNOTATIONS = typed.path("annotations", None, "Folder, archive or single file.", there=True,
                         required=True)
OUT = typed.path("out", None, "The archive to write, spatial_text.zip in the folder of "
                 "CMPlaces' archives.", written="file", required=True)
LABELS = typed.path("labels", None, "List of the photographs' labels.", there=True)
VARIATIONS = flags.DEFINE_integer("variations", DEFAULT.variations,
                                  "Pictures of a photograph of the training split.",
                                  upper_bound=10_000)
VALIDATION = flags.DEFINE_integer("validation", DEFAULT.validation,
                                  "Photographs of a category kept for validation.")
SEED = flags.DEFINE_integer("seed", DEFAULT.seed, "Of variations and splits.", lower_bound=0)
DAMAGED = flags.DEFINE_integer("damaged", DEFAULT.damaged, "Bad files left out, at most.",
                               lower_bound=0)
SIZE = flags.DEFINE_integer("size", DEFAULT.style.size, "Pixels, height and width of a picture.",
                            lower_bound=32, upper_bound=4_096)


def main(argv: Sequence[str]) -> None:
  del argv
  started = time.monotonic()
  options = writing.Options(VARIATIONS.value, VALIDATION.value, SEED.value, DAMAGED.value,
                            DEFAULT.style._replace(size=SIZE.value))
  said = writing.write(ANNOTATIONS.value, OUT.value, options, LABELS.value)
  logging.info("%s\nSpatial text in %s. Written: %s", said,
               progress.duration(time.monotonic() - started), OUT.value)


if __name__ == "__main__":
  common.run(main)
