"""Checks a data set before training: counts a class and modality, holes, bad files, duplicates.

  python -m launch.check --path=ROOT                     your own folders, or a manifest
  python -m launch.check --config=configs/everyday.py    any other data set, once prepared

Ends with exit code 1 if training would fail.
"""

import dataclasses
import json
import shlex
import sys
from collections.abc import Sequence


from cmx.data import check
from launch import common
from launch import typed

PATH = typed.path("path", None, "Root of your own folders, or a .csv or .jsonl manifest.")
JSON = typed.path("json", None, "File that the whole report is written to.", written="file")


def main(argv: Sequence[str]) -> None:
  del argv
  data = common.CONFIG.value.data
  if PATH.value:
    data = dataclasses.replace(data, name="folders",
                               folders=dataclasses.replace(data.folders, path=str(PATH.value)))
  report = check.check(data)
  print(check.text(report))
  if not report.problems and data.name == "folders":
    print(f"  python -m launch.reproduce --config=configs/folders.py "
          f"--config.data.folders.path={shlex.quote(data.folders.path)} --workdir=runs/mine")
  if JSON.value:
    JSON.value.write_text(json.dumps(dataclasses.asdict(report), indent=1))
  if report.problems:
    sys.exit(1)


if __name__ == "__main__":
  common.run(main)
