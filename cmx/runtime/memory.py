"""Memory of this machine, as far as its system says."""

import math
import os
import pathlib

_OF_CONTAINERS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def size(limits: tuple[str, ...] = _OF_CONTAINERS) -> float:
  """Bytes that this process may come to at most; infinite where nothing says how many.

  Args:
    limits: files that say a container's, where this is one.
  """
  found = [math.inf]
  if hasattr(os, "sysconf"):  # not on Windows
    found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
  for path in map(pathlib.Path, limits):
    text = path.read_text().strip() if path.is_file() else ""
    if text.isdecimal():  # "max" is no limit
      found.append(int(text))
  return min(found)
