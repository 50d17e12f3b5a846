"""Checks a data set before training: counts a class and modality, holes, bad files, duplicates.

  python -m launch.check --path=ROOT                     your own folders, or a manifest
  python -m launch.check --config=configs/everyday.py    any other data set, once prepared

Says what launch.reproduce would run on your own data and why, how long it takes, and the one
command that gets what is missing. Ends with exit code 1 if training would fail.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence

from cmx import fields
from cmx import methods
from launch import advised
from launch import common
from launch import config_flag
from launch import typed

PATH = typed.path("path", None, "Root of your own folders, or a .csv or .jsonl manifest.")
JSON = typed.path("json", None, "File that the whole report is written to.", written="file")


def main(argv: Sequence[str]) -> None:
  from cmx.data import check
  from cmx.experiment import preflight
  del argv
  config = common.CONFIG.value
  if PATH.value:
    folders = dataclasses.replace(config.data.folders, path=str(PATH.value))
    config = dataclasses.replace(
      config, data=dataclasses.replace(config.data, name="folders", folders=folders))
  found = advised.plan(config)
  report = preflight.report(advised.readable(found, config))
  print(check.text(report))
  if not report.problems and config.data.name == "folders":
    for line in advised.to_get(found):
      print(f"  {line}")
    flags = fields.as_flags(config, config_flag.GIVEN, but=["data.name"])
    flags += "" if advised.ADVICE.value else " --noadvice"
    print(f"  python -m launch.reproduce --config=configs/folders.py {flags} --workdir=runs/mine")
    for line in advised.told(found, len(methods.PAPER), 1):
      print(line)
  if JSON.value:
    JSON.value.write_text(json.dumps(dataclasses.asdict(report), indent=1))
  if report.problems:
    sys.exit(1)


if __name__ == "__main__":
  common.run(main)
