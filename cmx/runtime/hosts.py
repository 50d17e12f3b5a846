"""Processes of a pod: how they find each other, share long work and wait for each other.

All run the same command and see the same files. Training is one program over the devices of all;
preparing is shared; what is short is done by the first alone, and the others then find it done.
"""

import contextlib
import functools
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import jax
from jax._src import distributed  # the public function waits in a collective, see `wait`
from jax.experimental import multihost_utils
import jax.numpy as jnp
import numpy as np

from cmx.runtime import crew
from cmx.runtime import watchdog

# What tells a process of how many it is one, by launcher; jax.distributed then finds out the rest.
_TOLD = {"SLURM_STEP_NUM_TASKS": int, "OMPI_COMM_WORLD_SIZE": int, "JAX_NUM_PROCESSES": int,
         "TPU_WORKER_HOSTNAMES": lambda names: len(names.split(","))}

_ASKED = itertools.count()  # goes on from run to run, where steps begin anew
_WAITED = itertools.count()  # places of the same name are not the same
_ENDLESS_MS = 10 * 24 * 3600 * 1000  # who is gone is noticed by its heartbeat


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
  """Returns when every process has come here; `what` names the place.

  The coordinator lets them go on: a collective of CPUs gives up after 30 seconds of waiting, and
  one process alone may work for hours.
  """
  if several():
    distributed.global_state.client.wait_at_barrier(f"{next(_WAITED)} {what}", _ENDLESS_MS)


def gathered(found: list[Any]) -> list[Any]:
  """The lists of all processes in one, on each; trees of arrays [...], alike and as many in each.

  Arrays of a dtype travel as one: each on its way takes as long as a small network's step.

  Args:
    found: on this process' first device, as what is given back.
  """
  if not several():
    return found
  leaves, form = jax.tree.flatten(found)
  pod = jax.sharding.Mesh(np.array(_first_devices()), "processes")
  own, each = jax.NamedSharding(pod, jax.P("processes")), jax.NamedSharding(pod, jax.P())
  sent = {name: jax.make_array_from_single_device_arrays(
            (jax.process_count(), row.shape[1]), own, [row])
          for name, row in _packed(leaves).items()}
  came = {name: rows.addressable_data(0)
          for name, rows in jax.jit(_same, out_shardings=each)(sent).items()}
  apart = _unpacked(came, tuple((leaf.shape, leaf.dtype.name) for leaf in leaves))
  return [tree for of_process in apart for tree in jax.tree.unflatten(form, of_process)]


def _first_devices() -> list[jax.Device]:
  return [min((device for device in jax.devices() if device.process_index == process),
              key=lambda device: device.id) for process in range(jax.process_count())]


def _same(tree: Any) -> Any:
  return tree


@jax.jit
def _packed(leaves: Sequence[jax.Array]) -> dict[str, jax.Array]:
  """{dtype: all its numbers [1, n]} of arrays [...]."""
  flat: dict[str, list[jax.Array]] = {}
  for leaf in leaves:
    flat.setdefault(leaf.dtype.name, []).append(leaf.reshape(1, -1))
  return {name: jnp.concatenate(rows, axis=1) for name, rows in flat.items()}


@functools.partial(jax.jit, static_argnums=1)
def _unpacked(rows: dict[str, jax.Array],
              forms: Sequence[tuple[tuple[int, ...], str]]) -> list[list[jax.Array]]:
  """Of each process the arrays of these shapes and dtypes, out of rows [processes, n]."""
  count, start, columns = len(next(iter(rows.values()))), dict.fromkeys(rows, 0), []
  for shape, name in forms:
    end = start[name] + math.prod(shape)
    columns.append(rows[name][:, start[name]:end].reshape(count, *shape))
    start[name] = end
  return [[column[process] for column in columns] for process in range(count)]


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

  That is one of a pod's, or a helper of its own.

  It does so at once, without the farewell of processes that end well, which would wait for all.
  """
  try:
    yield
  except crew.Gone as error:
    watchdog.leave(f"{error}")
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
