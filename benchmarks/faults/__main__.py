"""Faults tried for real on what cmx writes: `python -m benchmarks.faults`.

  python -m benchmarks.faults                        a few minutes
  python -m benchmarks.faults --damage=2500 --kills=1000 --signals=1000 --twins=200 --disks=200

Damages files of every kind, kills processes, tells them to stop, starts two at once, fills disks;
prints what became of them. Ends with exit code 1 if anything is lost or silent, or if damage is not
silent where nothing looks at the manifests: the control, which shows that the count can count.
"""

import argparse
import pathlib
import random
import sys
import tempfile
from collections.abc import Sequence

from absl import logging

from benchmarks.faults import counts
from benchmarks.faults import damage
from benchmarks.faults import processes

_SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
  parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--damage", type=int, default=100, help="damaged files of each kind")
  parser.add_argument("--kills", type=int, default=20, help="processes killed")
  parser.add_argument("--signals", type=int, default=20, help="processes told to stop")
  parser.add_argument("--twins", type=int, default=5, help="pairs of processes")
  parser.add_argument("--disks", type=int, default=10, help="full disks, where one may make them")
  parser.add_argument("--seed", type=int, default=0, help="of all that is drawn by lot")
  options = parser.parse_args(arguments)
  logging.set_verbosity(logging.ERROR)
  with tempfile.TemporaryDirectory() as folder:
    found, control = _tried(pathlib.Path(folder), options)
  print(counts.to_text(found))
  print(counts.to_text([outcome._replace(fault="control: damage, manifests not looked at")
                        for outcome in control]).splitlines()[-1])
  bad = [outcome for outcome in found if outcome.how != counts.SURVIVED]
  for outcome in bad[:_SHOWN]:
    print(f"{outcome.how}: {outcome.fault}: {outcome.what}")
  caught = not control or any(outcome.how == counts.SILENT for outcome in control)
  return int(bool(bad) or not caught)


def _tried(root: pathlib.Path, options: argparse.Namespace
           ) -> tuple[list[counts.Outcome], list[counts.Outcome]]:
  """All outcomes, and those of the control."""
  rng, found, control = random.Random(options.seed), [], []
  if options.damage:
    found += damage.try_all(_new(root / "damage"), options.damage, options.seed)
    with damage.unchecked():
      control = damage.try_all(_new(root / "control"), options.damage, options.seed,
                               ("features", "metrics", "table"))
  for name, count, attempt in (
      ("kills", options.kills, lambda place: processes.kills(place, options.kills, rng)),
      ("signals", options.signals, lambda place: processes.told(place, options.signals, rng)),
      ("twins", options.twins, lambda place: processes.twins(place, options.twins)),
      ("disks", options.disks, lambda place: processes.full_disks(place, options.disks, rng))):
    if count:
      found += attempt(_new(root / name))
  return found, control


def _new(folder: pathlib.Path) -> pathlib.Path:
  folder.mkdir()
  return folder


if __name__ == "__main__":
  sys.exit(main())
