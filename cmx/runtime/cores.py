"""Cores of this machine."""

import os


def count() -> int:
  """Number of cores that this process may use; of the whole machine where the system keeps no list.

  Linux keeps one (containers and batch systems give a process a part of the machine), macOS none.
  """
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
