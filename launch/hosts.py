"""Flags by which the processes of a pod find each other, and what each shows."""

import contextlib
import os
import sys

from absl import flags
from absl import logging

from cmx.runtime import progress
from launch import config_flag

COORDINATOR = flags.DEFINE_string(
  "coordinator", "", "host:port of the first of several processes that work together, which all "
  "run this command. Found out where SLURM, Open MPI or a TPU pod starts them.")
PROCESSES = flags.DEFINE_integer("processes", None, "Their number.", lower_bound=1)
PROCESS = flags.DEFINE_integer("process", None, "Which of them this is, from 0.", lower_bound=0)
FLAGS = (COORDINATOR, PROCESSES, PROCESS)


def greet() -> None:
  """Says at once that a command has begun; of several processes the first alone does."""
  if not PROCESS.value:
    name = sys.argv[0].removesuffix(".py").replace("/", ".").rpartition(".")[2]
    logging.info("cmx %s: starting JAX ...", name)


def start_jax() -> None:
  """Imports JAX, which reads the environment. Raises ValueError if it says what JAX cannot be."""
  try:
    import jax  # after the flags: it takes a second, and --help should not  # noqa: F401
  except ValueError as error:
    raise ValueError(f"JAX does not start: {error}; expected true or false, or a number, in the "
                     "variables of the environment that begin with JAX_") from error


def join() -> int:
  """Joins the other processes, if there are any; the first alone speaks. Returns their number."""
  from cmx.runtime import hosts
  count = hosts.join(COORDINATOR.value, PROCESSES.value, PROCESS.value,
                     config_flag.CONFIG.value.log.dead_seconds)
  if count > 1 and not hosts.is_first():
    logging.set_verbosity(logging.WARNING)
    progress.silence()
    sys.stdout = open(os.devnull, "w")
  return count


def ending_together() -> contextlib.AbstractContextManager:
  """Ends a process where another one is gone; see `cmx.runtime.hosts`."""
  from cmx.runtime import hosts
  return hosts.ending_together()
