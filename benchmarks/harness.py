"""Contenders timed in turn in one process, once their answers are known to be the same.

A case says what is compared (`Comparison`) and who takes part (`Contender`); this room measures.
Every round times each contender once, so that a machine that gets busier gets busier for all of
them. The first contender is cmx's; a ratio is a contender's median over the first one's.
"""

import importlib
import math
import multiprocessing
import pathlib
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

PEER, LIMIT = "peer", "limit"  # something to use instead; the least that any way of doing it costs
TIME, MEMORY = "time", "memory"

_SHORTEST = 0.05  # seconds: what is faster is run several times a measurement, or the clock shows
_FEWEST, _MOST = 3, 25  # rounds
_MEMORY_ROUNDS = 3  # each in a fresh process


class Contender(NamedTuple):
  """One way of doing the work.

  Attributes:
    name: as printed.
    prepare: makes the data and imports what it needs, and returns the function that is measured.
      That function takes nothing and returns its answer, a tree of arrays; None is not compared. A
      ModuleNotFoundError of `prepare` skips the contender.
    role: `PEER`, or `LIMIT` for the bare operations that no implementation avoids.
    units: how much work it does; what is measured is divided by it.
    at_least: the ratio that is aimed at, e.g. 100 for "cmx is at least 100 times as fast", or
      1 / 1.5 for a limit that cmx may exceed by half.
    at_most: the same as an upper bound, for sizes whose cost must not grow.
    reason: said where the aim is missed.
  """

  name: str
  prepare: Callable[[], Callable[[], Any]]
  role: str = PEER
  units: float = 1
  at_least: float | None = None
  at_most: float | None = None
  reason: str = ""


class Comparison(NamedTuple):
  """One table.

  Attributes:
    title: what is done, with its sizes.
    contenders: the first is cmx's.
    tolerance: largest difference of two answers, as a share of the answer's largest entry.
    measure: `TIME`, or `MEMORY`: what the first run adds to the peak of a fresh process of its own,
      with what compiling it takes.
    seconds: that all rounds may take together, about; three rounds are run in any case.
    unit: of `units`, e.g. "example".
  """

  title: str
  contenders: Sequence[Contender]
  tolerance: float
  measure: str = TIME
  seconds: float = 30.0
  unit: str = ""


Row = dict[str, Any]  # one contender's line: see `measure`


def measure(module: str, quick: bool, say: Callable[[str], None] = lambda line: None) -> list[Row]:
  """Measures every comparison of a case.

  Args:
    module: dotted name of the case.
    quick: small sizes, one round.
    say: called with a line before each contender is prepared.

  Returns:
    [{"title", "measure", "unit", "tolerance", "rows": [row]}] with a row for each contender:
    {"name", "role", "units"} and either {"skipped": why}, {"differs": by how much} or
    {"median", "low", "high", "rounds", "ratio", "at_least", "at_most", "met", "reason"};
    median, fastest and slowest in seconds or bytes a unit, met None where nothing is aimed at.
  """
  return [{"title": comparison.title, "measure": comparison.measure, "unit": comparison.unit,
           "tolerance": comparison.tolerance,
           "rows": _measure(comparison, module, index, quick, say)}
          for index, comparison in enumerate(importlib.import_module(module).comparisons(quick))]


def _measure(comparison: Comparison, module: str, index: int, quick: bool,
             say: Callable[[str], None]) -> list[Row]:
  rows, ready, first = [], {}, None
  for contender in comparison.contenders:
    say(f"{comparison.title}: {contender.name}")
    row = {"name": contender.name, "role": contender.role, "units": contender.units}
    rows.append(row)
    try:
      run = contender.prepare()
    except ModuleNotFoundError as error:
      if not ready:  # without cmx's own there is nothing to compare with
        raise
      row["skipped"] = f"{error.name} is not installed: pip install 'cmx[bench]'"
      continue
    answer = _answer(run)  # compiles, too
    first = answer if first is None else first
    apart = 0.0 if answer is None else difference(first, answer)
    if not apart <= comparison.tolerance:
      row["differs"] = apart
    else:
      ready[contender.name] = run
  if comparison.measure == MEMORY:
    rounds = range(1 if quick else _MEMORY_ROUNDS)
    samples = {name: [_peak_of(module, quick, index, name) for _ in rounds] for name in ready}
  else:
    samples = _alternate(ready, *((0.0, 1) if quick else (comparison.seconds, _FEWEST)))
  return _judge(comparison, rows, samples, quick)


def _answer(run: Callable[[], Any]) -> Any:
  return jax.block_until_ready(run())


def difference(ours: Any, theirs: Any) -> float:
  """Largest difference of two trees of arrays, leaf by leaf as a share of ours' largest entry."""
  pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
  return max(_apart(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in pairs)


def _apart(a: np.ndarray, b: np.ndarray) -> float:
  if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
    return math.inf
  scale = np.abs(a).max(initial=0.0)
  return float(np.abs(a - b).max(initial=0.0) / (scale or 1.0))


def _alternate(runs: dict[str, Callable[[], Any]], budget: float,
               fewest: int) -> dict[str, list[float]]:
  """Seconds of every contender in every round, each round starting with another one."""
  repeats, total = {}, 0.0
  for name, run in runs.items():
    once = _timed(run, 1)  # the first run compiled: it says nothing of the time
    repeats[name] = max(1, math.ceil(_SHORTEST / max(once, 1e-9)))
    total += once * repeats[name]
  samples: dict[str, list[float]] = {name: [] for name in runs}
  names = list(runs)
  for turn in range(min(max(fewest, int(budget / max(total, 1e-9))), _MOST)):
    for name in names[turn % len(names):] + names[:turn % len(names)]:
      samples[name].append(_timed(runs[name], repeats[name]))
  return samples


def _timed(run: Callable[[], Any], repeats: int) -> float:
  started = time.perf_counter()
  for _ in range(repeats):
    _answer(run)
  return (time.perf_counter() - started) / repeats


def _peak_of(module: str, quick: bool, index: int, name: str) -> float:
  """Bytes that one run adds to the peak of a fresh process."""
  context = multiprocessing.get_context("spawn")  # a fork of a process that runs JAX aborts
  receiver, sender = context.Pipe(duplex=False)
  child = context.Process(target=_run_alone, args=(module, quick, index, name, sender))
  child.start()
  sender.close()
  try:
    return receiver.recv()
  except EOFError as error:
    raise RuntimeError(f"the process of {name!r} ended before its peak was known") from error
  finally:
    child.join()


def _run_alone(module: str, quick: bool, index: int, name: str, sender) -> None:
  comparison = importlib.import_module(module).comparisons(quick)[index]
  run = next(c for c in comparison.contenders if c.name == name).prepare()
  before = _peak(reset=True)
  _answer(run)
  sender.send(float(_peak() - before))


def _peak(reset: bool = False) -> int:
  """Peak resident memory of this process in bytes; `reset` starts again from what is resident now.

  `ru_maxrss` also counts the parent until the child's program was loaded, and cannot be reset: it
  is read only where there is no /proc.
  """
  status = pathlib.Path("/proc/self/status")
  if not status.exists():
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  if reset:
    pathlib.Path("/proc/self/clear_refs").write_text("5")
  line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
  return 1024 * int(line.split()[1])


def _judge(comparison: Comparison, rows: list[Row], samples: dict[str, list[float]],
           quick: bool) -> list[Row]:
  first = None
  for row, contender in zip(rows, comparison.contenders):
    if row["name"] not in samples:
      continue
    values = [value / contender.units for value in samples[row["name"]]]
    median = statistics.median(values)
    first = median if first is None else first
    ratio = median / first if first else math.nan
    low, high = contender.at_least, contender.at_most
    aimed = not quick and (low, high) != (None, None)
    met = (low or 0) <= ratio <= (high or math.inf) if aimed else None
    row.update(median=median, low=min(values), high=max(values), rounds=len(values), ratio=ratio,
               at_least=low, at_most=high, met=met, reason=contender.reason)
  return rows
