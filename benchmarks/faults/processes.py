"""Processes that are killed, told to stop, started twice, or whose disk is full; then run again."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

from benchmarks.faults import counts
from benchmarks.faults import writer

_ROOT = pathlib.Path(__file__).parents[2]
_SAID = {signal.SIGINT: 130, signal.SIGTERM: 143}


def _start(folder: pathlib.Path, kill_before: int = 0, without: str = "") -> subprocess.Popen:
  process = subprocess.Popen(
    [sys.executable, "-m", "benchmarks.faults.writer", str(folder), str(kill_before), without],
    cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
  process.stdout.readline()  # it has begun
  return process


def _went_on(fault: str, folder: pathlib.Path, expected: str, what: str,
             without: str = "") -> counts.Outcome:
  """Runs the same again, in this process if it lacks nothing, and compares all files."""
  try:
    if without:
      process = _start(folder, without=without)
      if said := process.communicate()[1]:
        raise OSError(said[-300:])
    else:
      writer.write_all(folder)
  except (OSError, ValueError) as error:
    return counts.Outcome(fault, counts.LOST, f"{what}: {error}")
  found = writer.digest(folder)
  how = counts.SURVIVED if found == expected else counts.SILENT
  return counts.Outcome(fault, how, what)


def clean(root: pathlib.Path) -> tuple[str, float]:
  """The digest of what an undisturbed run writes, and the seconds that it takes."""
  process = _start(root / "clean")
  began = time.monotonic()
  said = process.communicate()[1]
  if process.returncode:
    raise RuntimeError(said)
  return writer.digest(root / "clean"), time.monotonic() - began


def kills(root: pathlib.Path, trials: int, rng: random.Random,
          without: str = "") -> list[counts.Outcome]:
  """SIGKILL, at a random moment and just before a random file operation, in turn.

  Args:
    root: empty folder to work in.
    trials: processes.
    rng: says when.
    without: a means of cmx that they lack, see `writer.WITHOUT`.
  """
  (expected, seconds), found = clean(root), []
  for trial in counts.numbered("kills", trials):
    folder, fault = root / f"kill_{trial}", "SIGKILL at a random moment"
    if trial % 2:
      fault, count = "SIGKILL before a file operation", rng.randrange(1, 400)
      process, what = _start(folder, count, without), f"operation {count}"
      process.communicate()
    else:
      process, what = _start(folder, without=without), "random"
      time.sleep(rng.uniform(0, seconds))
      process.kill()
      process.communicate()
    found.append(_went_on(fault, folder, expected, what, without))
    shutil.rmtree(folder)
  return found


def told(root: pathlib.Path, trials: int, rng: random.Random,
         without: str = "") -> list[counts.Outcome]:
  """SIGINT and SIGTERM in turn, at a random moment; arguments as of `kills`."""
  (expected, seconds), found = clean(root), []
  for trial in counts.numbered("told", trials):
    number = list(_SAID)[trial % 2]
    folder, fault = root / f"told_{trial}", signal.Signals(number).name
    process = _start(folder, without=without)
    time.sleep(rng.uniform(0, 0.8 * seconds))
    process.send_signal(number)
    said = process.communicate()[1]
    # It came when all was done: then Python ends well, or has put the system's handlers back.
    over = not said.strip() and (process.returncode == 0 or (
      process.returncode == -number and writer.digest(folder) == expected))
    if not over and (process.returncode != _SAID[number] or "Traceback" in said):
      found.append(counts.Outcome(fault, counts.LOST, f"{process.returncode}: {said[-300:]}"))
    else:
      found.append(_went_on(fault, folder, expected, said))
    shutil.rmtree(folder)
  return found


def twins(root: pathlib.Path, trials: int, without: str = "") -> list[counts.Outcome]:
  """Two processes at once on one folder; arguments as of `kills`."""
  (expected, _), found = clean(root), []
  for trial in counts.numbered("twins", trials):
    folder, fault = root / f"twins_{trial}", "two at once"
    pair = [_start(folder, without=without) for _ in range(2)]
    said = [process.communicate()[1] for process in pair]
    if any(process.returncode for process in pair):
      found.append(counts.Outcome(fault, counts.LOST, "\n".join(said)[-300:]))
    else:
      found.append(_went_on(fault, folder, expected, ""))
    shutil.rmtree(folder)
  return found


def full_disks(root: pathlib.Path, trials: int, rng: random.Random,
               without: str = "") -> list[counts.Outcome]:
  """A disk of its own that is too small by a random amount; then as large as it has to be.

  Arguments are as of `kills`.

  Returns:
    No outcomes where this process may not make disks.
  """
  (expected, _), found = clean(root), []
  needed = sum(path.stat().st_size for path in (root / "clean").rglob("*") if path.is_file())
  for trial in counts.numbered("full disks", trials):
    place, fault = root / f"disk_{trial}", "disk full"
    place.mkdir()
    kilobytes = rng.randrange(40, needed // 1024)
    if not _mount(place, kilobytes):
      return []
    try:
      process = _start(place / "run", without=without)
      said = process.communicate()[1].strip()
      if process.returncode != 1 or "\n" in said or "the disk is full" not in said:
        found.append(counts.Outcome(fault, counts.LOST, f"{process.returncode}: {said[-300:]}"))
        continue
      _mount(place, 4 * needed // 1024, "remount,")
      found.append(_went_on(fault, place / "run", expected, f"{kilobytes} KB: {said}"))
    finally:
      subprocess.run(["umount", "-l", place], check=True)
  return found


def _mount(place: pathlib.Path, kilobytes: int, also: str = "") -> bool:
  if sys.platform != "linux" or os.getuid():
    return False
  return subprocess.run(["mount", "-t", "tmpfs", "-o", f"{also}size={kilobytes}k", "none", place],
                        capture_output=True, check=False).returncode == 0
