"""Rows of an experiment trained at once, a process and a core or more each: where, and how many.

A device for each core shares a small batch in more core seconds than it takes a core alone: devices
add up their gradients in each step, and all update the same parameters.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx.experiment import preflight
from cmx.runtime import cores
from cmx.runtime import crew
from cmx.runtime import devices
from cmx.runtime import hosts
from cmx.runtime import memory
from cmx.runtime import progress

_SHARE = 0.7  # of the memory, which rows at once may take
_PROCESS = 1.5e9  # bytes of a process that does small rows in turn: 1.42 on the rendered world
_COPIES = 3  # of what a step holds at least: while it starts, parameters are there so often
_STEPS = 0.65  # share of a row's core seconds that its steps take; the rest: compiling, evaluation
_WINDOW_S = 600.0  # that the rate of rows is taken over: some rounds of training and evaluation


class Share(NamedTuple):
  """How many rows are trained at once, and on how many devices each."""

  jobs: int
  devices: int


def check(jobs: int) -> None:
  """Raises ValueError where so many rows cannot be trained at once; 0 is as many as pay."""
  if jobs > 1 and (hosts.several() or jax.default_backend() != "cpu"):
    where = "several processes" if hosts.several() else f"devices of {jax.default_backend()}"
    raise ValueError(f"jobs {jobs} with {where}; expected 1: rows that are trained at once share "
                     "the cores of one machine without accelerators")


def share(jobs: int, config: config_lib.Config, dataset: data.Dataset,
          rows: Sequence[str]) -> Share:
  """The share of a row; it does not depend on what is left to do, nor then do its numbers.

  Args:
    jobs: rows at once, as asked for; 0 is as many as pay.
    config: of the experiment.
    dataset: opened and encoded.
    rows: keys of methods, of which some may be done.
  """
  count = min(jobs, len(rows)) or usual(len(rows))
  if not jobs and count > 1:
    held = max(preflight.held(fields.for_method(config, row), dataset)[0] for row in rows)
    count = max(min(count, int(_SHARE * memory.size() / (_PROCESS + _COPIES * held))), 1)
  batches = fields.batches(config)
  return Share(count, devices.devices_of(cores.count() // count, batches))


def usual(rows: int) -> int:
  """Rows at once where the memory is enough: one on each core, if cores are what there is."""
  return min(cores.count(), rows) if devices.by_cores() and not hosts.several() else 1


def train(begin: crew.Begin, share: Share, rows: Mapping[str, str],
          done: Callable[[str], None]) -> None:
  """Has helpers do rows, and shows one line for all.

  Args:
    begin: as of `crew.work`; it gives what does the row of a key.
    share: of a row.
    rows: {name: key of a method}, of those to be done.
    done: called with the name of each that is done, the line being out of the way.

  Raises:
    As `crew.work`.
  """
  far: dict[str, float] = {}  # 1 for a row that is done
  with progress.Progress(f"{share.jobs} at once", len(rows), "rows", window=_WINDOW_S) as line:
    def moved(now: Mapping[str, progress.At | None]) -> None:
      for name, at in now.items():
        if at is not None and at.unit == "steps":
          far[name] = max(far.get(name, 0.0), _STEPS * at.done / at.total)
      line.update(math.fsum(far.values()), "; ".join(_words(*each) for each in now.items()))

    def finished(name: str) -> None:
      far[name] = 1.0
      line.clear()
      done(name)

    crew.work(begin, rows, min(share.jobs, len(rows)), share.devices, moved=moved,
              done=finished)


def _words(name: str, at: progress.At | None) -> str:
  if at is None:
    return f"{name} begins"
  what = "" if at.unit == "steps" else f" {at.what}"
  return f"{name}:{what} {at.done:,}/{at.total:,} {at.unit}"
