"""Faults tried for real on what cmx writes: `python -m benchmarks.faults`.

  python -m benchmarks.faults                        ten minutes or more, of which pods take most
  python -m benchmarks.faults --damage=2500 --kills=1000 --signals=200 --twins=50 --disks=200 \\
    --topologies=40 --pods=8

Damages files of every kind, kills processes, tells them to stop, starts two at once, fills disks,
stops trainings and goes on with them on other numbers of devices and processes; prints what became
of them, and in between how long each kind still takes. Each count has a control, a few of the same
faults without the means of cmx against them. Ends with exit code 1 if anything is lost or silent,
or if nothing is in a control, whose count then cannot count.
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
from benchmarks.faults import pods
from benchmarks.faults import processes
from benchmarks.faults import topologies

_SHOWN = 20
_CONTROLS = 20  # faults of a control, at most; of pods, which wait for a minute in each, one a kind


def main(arguments: Sequence[str] | None = None) -> int:
  parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--damage", type=int, default=100, help="damaged files of each kind")
  parser.add_argument("--kills", type=int, default=20, help="processes killed")
  parser.add_argument("--signals", type=int, default=20, help="processes told to stop")
  parser.add_argument("--twins", type=int, default=5, help="pairs of processes")
  parser.add_argument("--disks", type=int, default=10, help="full disks, where one may make them")
  parser.add_argument("--topologies", type=int, default=20,
                      help="trainings stopped and gone on with on other numbers of devices")
  parser.add_argument("--pods", type=int, default=4,
                      help="trainings of several processes that are killed, frozen, hang or stop")
  parser.add_argument("--seed", type=int, default=0, help="of all that is drawn by lot")
  options = parser.parse_args(arguments)
  said = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    with tempfile.TemporaryDirectory() as folder:
      found, controls = _tried(pathlib.Path(folder), options)
  finally:
    logging.set_verbosity(said)
  print(counts.to_text([*found, *controls]))
  bad = [outcome for outcome in found if outcome.how != counts.SURVIVED]
  for outcome in bad[:_SHOWN]:
    print(f"{outcome.how}: {outcome.fault}: {outcome.what}")
  blind = {outcome.fault for outcome in controls} - {
    outcome.fault for outcome in controls if outcome.how != counts.SURVIVED}
  for fault in sorted(blind):
    print(f"{fault}: nothing was lost or silent, so that its count says nothing")
  return int(bool(bad or blind))


def _tried(root: pathlib.Path, options: argparse.Namespace
           ) -> tuple[list[counts.Outcome], list[counts.Outcome]]:
  """All outcomes, and those of the controls, whose fault says what they lack."""
  rng, found, controls = random.Random(options.seed), [], []

  def control(what: str, outcomes: list[counts.Outcome]) -> None:
    controls.extend(outcome._replace(fault=f"control: {what}") for outcome in outcomes)

  if options.damage:
    found += damage.try_all(_new(root / "damage"), options.damage, options.seed)
    with damage.unchecked():
      control("damage, manifests not looked at", damage.try_all(
        _new(root / "control"), options.damage, options.seed, ("features", "metrics", "table")))
  for name, count, attempt, what in (
      ("kills", options.kills, lambda *given: processes.kills(*given[:2], rng, *given[2:]),
       "whole files"),
      ("signals", options.signals, lambda *given: processes.told(*given[:2], rng, *given[2:]),
       "handlers"),
      ("twins", options.twins, processes.twins, "locks"),
      ("disks", options.disks, lambda *given: processes.full_disks(*given[:2], rng, *given[2:]),
       "sentences"),
      ("topologies", options.topologies, lambda *given: topologies.tried(
        *given[:2], options.seed, *given[2:]), "order"),
      ("pods", options.pods, lambda *given: pods.tried(*given[:2], rng, *given[2:]), "watches")):
    if count:
      found += attempt(_new(root / name), count)
      control(f"{name}, without {what}", attempt(_new(root / f"{name}_control"), min(
        count, len(pods.FAULTS) if name == "pods" else _CONTROLS), what))
  return found, controls


def _new(folder: pathlib.Path) -> pathlib.Path:
  folder.mkdir()
  return folder


if __name__ == "__main__":
  sys.exit(main())
