"""Times cmx beside its peers: `python -m benchmarks.run [case ...]`, all cases where none is named.

  python -m benchmarks.run --list
  python -m benchmarks.run mixture_density --quick

Prints a table for each comparison and writes <out>/<case>.json. Ends with exit code 1 if an answer
differs. Peers that are not installed are skipped; pip install 'cmx[bench]' installs them.
"""

import argparse
import datetime
import importlib
import importlib.metadata
import json
import os
import pathlib
import pkgutil
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from benchmarks import cases
from benchmarks import harness
from cmx.runtime import cores
from cmx.runtime import devices

PACKAGES = ("cmx", "jax", "jaxlib", "flax", "numpy", "scikit-learn", "torch", "ranx",
            "faiss-cpu", "gmmx")


def names() -> list[str]:
  """The cases, which are the files in benchmarks/cases."""
  return sorted(module.name for module in pkgutil.iter_modules(cases.__path__))


def title(name: str) -> str:
  """First line of a case's docstring."""
  return importlib.import_module(f"{cases.__name__}.{name}").__doc__.splitlines()[0]


def machine() -> dict[str, Any]:
  """What the timings were taken on."""
  info = pathlib.Path("/proc/cpuinfo")
  lines = info.read_text().splitlines() if info.exists() else []
  model = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
  return {"processor": model[0] if model else platform.processor(), "cores": cores.count(),
          "system": platform.platform(), "load": round(os.getloadavg()[0], 2),
          "devices": [device.device_kind for device in jax.devices()]}


def versions() -> dict[str, str]:
  """Versions of what takes part, as far as it is installed."""
  found = {"python": platform.python_version()}
  for package in PACKAGES:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      continue
  return found


def amount(value: float, measure: str) -> str:
  """Seconds or bytes in three digits: "24.1 ms", "1.38 s", "512 MB"."""
  base, units = 1000, ["ns", "us", "ms", "s"]
  value *= 1e9
  if measure == harness.MEMORY:
    base, units = 1024, ["B", "KB", "MB", "GB"]
    value /= 1e9
  while abs(value) >= 999.5 and len(units) > 1:
    value, units = value / base, units[1:]
  return f"{value:.{max(0, 2 - len(str(int(abs(value)))) + 1)}f} {units[0]}"


def table(comparison: Mapping[str, Any]) -> str:
  """A comparison as text: median, lowest to highest, ratio to the first line, what is aimed at."""
  per = f" per {comparison['unit']}" if comparison["unit"] else ""
  lines = [("", comparison["measure"] + per, "lowest .. highest", "ratio", "aim")]
  notes = []
  for row in comparison["rows"]:
    name = row["name"] + (" (limit)" if row["role"] == harness.LIMIT else "")
    if "median" not in row:
      why = row.get("skipped") or (
        f"another answer: differs by {row['differs']:.1e}, tolerance "
        f"{comparison['tolerance']:.0e}; not measured")
      notes.append(f"  {name}: {why}")
      continue
    middle, low, high = (amount(row[key], comparison["measure"])
                         for key in ("median", "low", "high"))
    bounds = [f"{sign} {row[key]:.3g}x" for key, sign in (("at_least", ">="), ("at_most", "<="))
              if row[key] is not None]
    verdict = {None: [], True: ["met"], False: ["NOT MET"]}[row["met"]]
    lines.append((name, middle, f"{low} .. {high} ({row['rounds']})", f"{row['ratio']:.3g}x",
                  " ".join(bounds + verdict)))
    if row["met"] is False and row["reason"]:
      notes.append(f"  {name}: {row['reason']}")
  widths = [max(map(len, column)) for column in zip(*lines)]
  text = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:4], widths[1:4]),
                     line[4]]).rstrip() for line in lines]
  return "\n".join([comparison["title"], *(f"  {line}" for line in text), *notes])


def main(arguments: Sequence[str] | None = None) -> int:
  parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("cases", nargs="*", help="names of cases; all where none is given")
  parser.add_argument("--list", action="store_true", help="name the cases and stop")
  parser.add_argument("--quick", action="store_true",
                      help="small sizes, one round, no verdicts: does it work?")
  parser.add_argument("--out", default="runs/benchmarks", type=pathlib.Path,
                      help="folder of the JSON files")
  options = parser.parse_args(arguments)
  known = names()
  for name in options.cases:
    if name not in known:
      parser.error(f"case {name!r}; expected one of {', '.join(known)}")
  if options.list:
    print("\n".join(f"{name:24} {title(name)}" for name in known))
    return 0
  devices.use_cores([])  # as the entry points do
  wrong = False
  for name in options.cases or known:
    content = {"case": name, "quick": options.quick,
               "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
               "machine": machine(), "versions": versions()}
    print(f"== {name}: {title(name)}", flush=True)
    content["comparisons"] = harness.measure(f"{cases.__name__}.{name}", options.quick, _say)
    print("\n\n".join(map(table, content["comparisons"])))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"Written: {path}\n", flush=True)
    wrong |= any("differs" in row for part in content["comparisons"] for row in part["rows"])
  return int(wrong)


def _say(line: str) -> None:
  print(f"  preparing {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
  sys.exit(main())
