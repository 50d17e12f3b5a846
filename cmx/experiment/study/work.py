"""The work of a study: its runs, done by as many processes and hosts as look into its folder.

Whoever works on a run holds the lock beside its folder. The lock ends with its process, and another
goes on with what a dead one has left. Nobody waits while there is something to do.
"""

import json
import pathlib
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

from absl import logging

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import methods
from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.evaluation import results
from cmx.experiment import minutes
from cmx.experiment import reproduce
from cmx.experiment.study import plan
from cmx.files import json_files
from cmx.files import writing
from cmx.runtime import devices
from cmx.runtime import progress
from cmx.training import checkpoint
from cmx.training import step

PATIENCE_S = 2.0  # between two looks at what others work on
_COST, _FAILURE = "cost.json", "failure.json"


class _Task(NamedTuple):
  """A run: a cell's, or a reference network."""

  config: config_lib.Config
  folder: pathlib.Path
  reference: pathlib.Path  # its own folder, where it is one


class Opened:
  """The data set of the run at hand; opened again where the next run sees another."""

  def __init__(self):
    self._key, self._dataset = None, None

  def of(self, config: config_lib.Config) -> data_lib.Dataset:
    """The data set of a config, opened and encoded."""
    key = (config.data, config.encoders, config.augment,
           config.seed if config.data.unseen_classes else None)
    if self._dataset is None or key != self._key:
      self._key, self._dataset = key, opening.open_data(config).encoded
    return self._dataset


def finish(cells: Sequence[plan.Cell], what: str, data: Opened) -> None:
  """Returns when every run is evaluated or has failed, by this process or by others.

  Args:
    cells: of a plan.
    what: they are, for the log, e.g. "study".
    data: opens their data sets.
  """
  tasks, waited = _tasks(cells), False
  pending = [task for task in tasks if not _done(task)]
  logging.info("%s: %d of %d runs are there; %s", what, len(tasks) - len(pending), len(tasks),
               _first_guess(pending, data))
  while pending:
    task = _next(pending, data)
    if task is not None:
      devices.forget()
      pending = [other for other in pending if not _done(other)]
      logging.info("%s: %d/%d runs, %s; %s", what, len(tasks) - len(pending), len(tasks),
                   _outcome(task), _left(tasks, pending))
      waited = False
      continue
    if not waited:
      logging.info("%s: waiting for %d runs, which other processes work on or begin with", what,
                   len(pending))
    waited = True
    time.sleep(PATIENCE_S)
    pending = [other for other in pending if not _done(other)]


def _tasks(cells: Sequence[plan.Cell]) -> list[_Task]:
  """Every run once, a reference network before those that start from it."""
  found: dict[pathlib.Path, _Task] = {}
  for cell in cells:
    reference = fields.for_method(cell.config, reproduce.REFERENCE)
    found.setdefault(cell.reference, _Task(reference, cell.reference, cell.reference))
    found.setdefault(cell.folder, _Task(cell.config, cell.folder, cell.reference))
  return list(found.values())


def _next(pending: Sequence[_Task], data: Opened) -> _Task | None:
  """Does the first run that nobody works on and that has its reference network; None if none is."""
  missing = {task.folder for task in pending if _is_reference(task)}
  for task in pending:
    if not _is_reference(task) and task.reference in missing:
      continue
    with writing.claimed(task.folder) as mine:
      if mine and not _done(task):
        _do(task, data)
        return task
  return None


def _is_reference(task: _Task) -> bool:
  return task.folder == task.reference


def _done(task: _Task) -> bool:
  if _is_reference(task):
    return checkpoint.latest_step(task.folder) == step.steps(task.config)
  return evaluate.finished(task.folder) or (task.folder / _FAILURE).exists()


def _do(task: _Task, data: Opened) -> None:
  started, resumed = time.monotonic(), task.folder.exists()
  dataset = data.of(task.config)
  try:
    run = reproduce.train_row(task.config, dataset, task.folder, task.reference)
    if not _is_reference(task):
      evaluate.evaluate(run, dataset, task.folder)
  except FloatingPointError as error:
    if _is_reference(task):  # nothing can start from it
      raise
    writing.write_text(task.folder / _FAILURE, json.dumps({"message": f"{error}"}))
  cost = {"seconds": round(time.monotonic() - started, 1), "resumed": resumed}
  writing.write_text(task.folder / _COST, json.dumps(cost))


def failure(folder: pathlib.Path) -> str | None:
  """Why the run of a folder came to no result; None where it did."""
  path = folder / _FAILURE
  if not path.exists():
    return None
  return json_files.read(path, "remove it, and the run is tried again", "message")["message"]


def seconds(folder: pathlib.Path) -> float | None:
  """What a run took that was not interrupted; None where that is not known."""
  try:
    cost = json.loads((folder / _COST).read_text())
    return None if cost["resumed"] else float(cost["seconds"])
  except (OSError, ValueError, KeyError, TypeError):
    return None


def _outcome(task: _Task) -> str:
  name, message = f"{task.config.method} seed {task.config.seed}", failure(task.folder)
  took = seconds(task.folder)
  if message:
    return f"{name} failed: {message} (to try again, remove {task.folder / _FAILURE})"
  if _is_reference(task):
    word = "is trained"
  else:
    mean = results.main_mean(json_files.read(
      task.folder / "result.json", "remove it, and run the same command again", "tables"))
    word = f"has mean mAP {100 * mean:.1f} %" if mean is not None else "is evaluated"
  return f"{name} {word}" + (f" after {progress.duration(took)}" if took is not None else "")


def _first_guess(pending: Sequence[_Task], data: Opened) -> str:
  """How long what is pending will take, by operations: nothing has been timed yet."""
  if not pending:
    return "all done"
  config = pending[0].config
  return progress.about(minutes.rows(data.of(config), config, len(pending)))


def _left(tasks: Sequence[_Task], pending: Sequence[_Task]) -> str:
  """How long the rest will take: as long as rows have taken, shared by who works now."""
  if not pending:
    return "all done"
  took: dict[str, list[float]] = {}
  for task in tasks:
    if task not in pending and (cost := seconds(task.folder)) is not None:
      took.setdefault(task.config.method, []).append(cost)
  rows = [cost for row, costs in took.items() if not methods.named(row).reference
          for cost in costs]
  if not rows:
    return "no estimate yet"
  expected = sum(statistics.fmean(took.get(task.config.method, rows)) for task in pending)
  workers = 1 + sum(_held(task.folder) for task in pending)
  by = f", by {workers} processes" if workers > 1 else ""
  return f"{progress.duration(expected / workers)} left{by}"


def _held(folder: pathlib.Path) -> bool:
  with writing.claimed(folder) as mine:
    return not mine
