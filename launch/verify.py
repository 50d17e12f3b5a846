"""Checks that everything below a work directory, and its data, is as it was written.

  python -m launch.verify --workdir=runs/world

Reads all files that have a manifest, about a gigabyte a second; names each that is missing or
another one, and says what makes it again. Ends with exit code 1 if anything is damaged.
"""

import sys
from collections.abc import Sequence

from absl import flags

from launch import common
from launch import typed

WORKDIR = typed.path("workdir", None, "Folder of the run, experiment or study.", required=True)
DATA = flags.DEFINE_bool("data", True, "Also check the records and encodings of the runs' data.")
JSON = typed.path("json", None, "File that the whole report is written to.", written="file")


def main(argv: Sequence[str]) -> None:
  del argv
  from cmx.experiment import verify
  workdir = WORKDIR.value
  report = verify.verify(workdir, verify.roots_of(workdir) if DATA.value else ())
  print(verify.to_text(report))
  if JSON.value:
    JSON.value.write_text(verify.to_json(report))
  if report.damaged:
    sys.exit(1)


if __name__ == "__main__":
  common.run(main)
