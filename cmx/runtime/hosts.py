"""Processes of a pod: how they find each other, share long work and wait for each other.

All run the same command and see the same files. Training is one program over the devices of all;
preparing is shared; what is short is done by the first alone, and the others then find it done.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import jax
from jax.experimental import multihost_utils

from cmx.runtime import watchdog

# What tells a process of how many it is one, by launcher; jax.distributed then finds out the rest.
_TOLD = {"SLURM_STEP_NUM_TASKS": int, "OMPI_COMM_WORLD_SIZE": int, "JAX_NUM_PROCESSES": int,
         "TPU_WORKER_HOSTNAMES": lambda names: len(names.split(","))}

_ASKED = itertools.count()  # goes on from run to run, where steps begin anew


def join(coordinator: str = "", count: int | None = None, index: int | None = None,
         dead_s: int = 10) -> int:
  """Joins the other processes, before any device is used; alone, nothing happens.

  Args:
    coordinator: host:port of the first process; all three are found out where SLURM, Open MPI or a
      TPU pod has started this process.
    count: number of processes.
    index: of this process, from 0.
    dead_s: seconds without a sign of life of one, after which the others end.

  Returns:
    The number of processes.

  Raises:
    ValueError: if only some of the three are given, or they do not go together.
  """
  given = [bool(coordinator), count is not None, index is not None]
  if any(given) and not all(given):
    raise ValueError(f"coordinator {coordinator!r}, processes {count}, process {index}; expected "
                     "all three, or none where SLURM, Open MPI or a TPU pod starts the processes")
  if all(given) and not (":" in coordinator and 0 <= index < count):
    raise ValueError(f"coordinator {coordinator!r}, processes {count}, process {index}; expected "
                     "host:port, and a process from 0 to less than their number")
  together = count or _told()
  if together > 1:
    jax.config.update("jax_enable_preemption_service", True)
    jax.distributed.initialize(coordinator or None, count, index,
                               heartbeat_timeout_seconds=dead_s)
  return together


def _told() -> int:
  """How many processes a launcher has started together with this one, itself among them."""
  return max([1, *(size(os.environ[name]) for name, size in _TOLD.items() if os.environ.get(name))])


def several() -> bool:
  """Whether there are more processes than this one."""
  return jax.process_count() > 1


def is_first() -> bool:
  """Whether this is the process that writes what all share."""
  return jax.process_index() == 0


def share(items: Sequence) -> Sequence:
  """This process' part of work that is cut into pieces."""
  return items[jax.process_index()::jax.process_count()]


def part(size: int) -> slice:
  """This process' rows of a batch of `size` examples."""
  rows = size // jax.process_count()
  return slice(jax.process_index() * rows, (jax.process_index() + 1) * rows)


def wait(what: str) -> None:
  """Returns when every process has come here; `what` names the place."""
  if several():
    multihost_utils.sync_global_devices(what)


def gathered(found: list[Any]) -> list[Any]:
  """The lists of all processes in one, on each; trees of arrays [...], as many in each list."""
  if not several():
    return found
  every = multihost_utils.process_allgather(found)
  return [jax.tree.map(lambda x, process=process: x[process], tree)
          for process in range(jax.process_count()) for tree in every]


@contextlib.contextmanager
def first_alone(what: str) -> Iterator[None]:
  """The first process runs the body before the others, which then find on disk what it has done.

  Where it fails, the others fail likewise and say why, instead of waiting for what never comes.

  Args:
    what: names the body.
  """
  if not is_first():
    wait(what)
  try:
    yield
  finally:
    if is_first():
      wait(what)


@contextlib.contextmanager
def ending_together() -> Iterator[None]:
  """Ends a process within the block, with a sentence, where another one that it works with is gone.

  It does so at once, without the farewell of processes that end well, which would wait for all.
  """
  try:
    yield
  except jax.errors.JaxRuntimeError as error:
    if not several():
      raise
    watchdog.leave(f"another of {jax.process_count()} processes is gone, or cannot be reached "
                   f"({str(error).splitlines()[0][:200]})")


def agreed_to_stop() -> bool:
  """Whether SIGTERM has come to one of several processes; all answer alike.

  To be called by all after each step; they stop after one that none of them has begun yet.
  """
  return multihost_utils.reached_preemption_sync_point(next(_ASKED))
