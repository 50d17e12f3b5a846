"""Checks a data set before training: counts a class and modality, holes, bad files, duplicates.

  python -m launch.check --path=ROOT                     your own folders, or a manifest
  python -m launch.check --config=configs/everyday.py    any other data set, once prepared

Says what launch.reproduce would run on your own data and why, how long it takes, and the one
command that gets what is missing. Ends with exit code 1 if training would fail.
"""

import dataclasses
import json
import shlex
import sys
from collections.abc import Sequence

from cmx import config as config_lib
from cmx import fields
from cmx import methods
from launch import advised
from launch import common
from launch import typed

PATH = typed.path("path", None, "Root of your own folders, or a .csv or .jsonl manifest.")
JSON = typed.path("json", None, "File that the whole report is written to.", written="file")


def main(argv: Sequence[str]) -> None:
  from cmx.data import check
  del argv
  config = common.CONFIG.value
  if PATH.value:
    folders = dataclasses.replace(config.data.folders, path=str(PATH.value))
    config = dataclasses.replace(
      config, data=dataclasses.replace(config.data, name="folders", folders=folders))
  report = check.check_run(config)
  print(check.text(report))
  if not report.problems and config.data.name == "folders":
    found = advised.plan(config)
    for line in advised.to_get(found):
      print(f"  {line}")
    print(f"  python -m launch.reproduce --config=configs/folders.py {_flags(config)} "
          "--workdir=runs/mine")
    for line in advised.told(found, len(methods.PAPER), 1):
      print(line)
  if JSON.value:
    JSON.value.write_text(json.dumps(dataclasses.asdict(report), indent=1))
  if report.problems:
    sys.exit(1)


def _flags(config: config_lib.Config) -> str:
  """The flags that say which data are meant and what was allowed of them, to be pasted."""
  plain = fields.flatten(dataclasses.asdict(config_lib.Config()))
  changed = {name: ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
             for name, value in fields.flatten(dataclasses.asdict(config)).items()
             if name.startswith(("data.", "encoders.")) and value != plain.get(name)}
  return " ".join(f"--config.{name}={shlex.quote(value)}" for name, value in changed.items()
                  if name != "data.name")


if __name__ == "__main__":
  common.run(main)
