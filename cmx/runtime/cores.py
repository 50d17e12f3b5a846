"""Cores of this machine."""

import contextlib
import os
from collections.abc import Iterator


def count() -> int:
  """Number of cores that this process may use; of the whole machine where the system keeps no list.

  Linux keeps one (containers and batch systems give a process a part of the machine), macOS none.
  """
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def parts(number: int) -> list[set[int]]:
  """This process' cores in as many equal parts; with fewer cores than parts, several have the same.

  Each part is empty where the system keeps no list of cores.
  """
  if not hasattr(os, "sched_getaffinity"):
    return [set() for _ in range(number)]
  mine = sorted(os.sched_getaffinity(0))
  each = max(len(mine) // number, 1)
  return [{mine[(i * each + j) % len(mine)] for j in range(each)} for i in range(number)]


@contextlib.contextmanager
def lent(part: set[int]) -> Iterator[None]:
  """Processes that this thread starts within the block have these cores; all of its own for none.

  They have them from their first instruction on: libraries count cores when they are imported.
  """
  if not part:
    yield
    return
  mine = os.sched_getaffinity(0)
  os.sched_setaffinity(0, part)
  try:
    yield
  finally:
    os.sched_setaffinity(0, mine)
