"""Times cmx under several Pythons in turn, so that a machine that gets busier gets busier for all.

  python -m benchmarks.versions train_step em --with .venv/bin/python --with ../newer/bin/python
  python -m benchmarks.versions em --with .venv/bin/python \\
    --with "env XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type=-reduce .venv/bin/python"

A --with is the command of a Python that has cmx's libraries. Each gets a process for cmx's own
contender of a comparison, and these run one after the other, round by round. Core seconds are those
of all threads: they depend less on what else the machine does than seconds do.
"""

import argparse
import importlib
import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import jax

from benchmarks import cases
from benchmarks import harness
from benchmarks import run as run_lib
from cmx.runtime import devices


def serve(case: str, index: int) -> None:
  """Prepares a comparison's first contender, then measures one run for each line that comes in."""
  devices.use_cores([])
  comparison = importlib.import_module(f"{cases.__name__}.{case}").comparisons(False)[index]
  contender = comparison.contenders[0]
  run = contender.prepare()
  jax.block_until_ready(run())  # compiles
  print(json.dumps({"title": comparison.title, "jaxlib": run_lib.versions()["jaxlib"]}), flush=True)
  for _ in sys.stdin:
    before, cores = time.perf_counter(), time.process_time()
    jax.block_until_ready(run())
    print(json.dumps([(time.perf_counter() - before) / contender.units,
                      (time.process_time() - cores) / contender.units]), flush=True)


def compare(case: str, index: int, commands: Sequence[str], rounds: int) -> str:
  """A table: seconds and core seconds of each command, medians and ratios to the first."""
  served = [subprocess.Popen([*shlex.split(command), "-m", "benchmarks.versions", "--serve", case,
                              str(index)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for command in commands]
  heads = [json.loads(process.stdout.readline()) for process in served]
  samples = [[] for _ in served]
  for turn in range(rounds):
    for i in [(turn + i) % len(served) for i in range(len(served))]:
      served[i].stdin.write("\n")
      served[i].stdin.flush()
      samples[i].append(json.loads(served[i].stdout.readline()))
  for process in served:
    process.stdin.close()
    process.wait()
  lines = [heads[0]["title"]]
  for command, head, own in zip(commands, heads, samples):
    cells = []
    for part, first in zip(zip(*own), zip(*samples[0])):
      ratio = statistics.median(a / b for a, b in zip(part, first))
      cells.append(f"{run_lib.amount(statistics.median(part), harness.TIME)} "
                   f"(least {run_lib.amount(min(part), harness.TIME)}, {ratio:.2f}x)")
    lines.append(f"  jaxlib {head['jaxlib']}: {cells[0]}; core seconds {cells[1]}  {command}")
  return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
  parser = argparse.ArgumentParser(prog="python -m benchmarks.versions", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("cases", nargs="*", help="names of cases")
  parser.add_argument("--with", dest="commands", action="append", help="command of a Python")
  parser.add_argument("--rounds", type=int, default=15)
  parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
  options = parser.parse_args(arguments)
  if options.serve:
    serve(options.serve[0], int(options.serve[1]))
    return
  for case in options.cases:
    comparisons = importlib.import_module(f"{cases.__name__}.{case}").comparisons(False)
    for index, comparison in enumerate(comparisons):
      if comparison.measure == harness.TIME:
        print(compare(case, index, options.commands, options.rounds), flush=True)


if __name__ == "__main__":
  main()
