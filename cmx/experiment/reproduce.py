"""An experiment: reference network, mixtures, rows and seeds, and their table.

  <workdir>/table.{txt,md,csv,json}
  <workdir>/seed_<s>/<method>/{config.json, checkpoints/, metrics.jsonl, features/, result.json}
  <workdir>/seed_<s>/reference/mixtures/    see `cmx.experiment.mixtures`

Every part is skipped where its result is on disk, so running an experiment again resumes it.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import logging

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx.alignment import given
from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.evaluation import results
from cmx.evaluation import screen
from cmx.evaluation import table_files
from cmx.evaluation import validation
from cmx.evaluation import verdict
from cmx.experiment import at_once
from cmx.experiment import codes
from cmx.experiment import minutes
from cmx.experiment import mixtures as mixtures_lib
from cmx.experiment import preflight
from cmx.runtime import devices
from cmx.runtime import hosts
from cmx.runtime import progress
from cmx.training import checkpoint
from cmx.training import step
from cmx.training import train
from cmx.training import workdir as workdir_lib

REFERENCE = "reference"


def reference_config(config: config_lib.Config) -> config_lib.Config:
  """The config of the reference network, with defaults in what it does not depend on.

  So experiments that differ in how the rows are trained can share one reference network.
  """
  config = fields.for_method(config, REFERENCE)
  default = config_lib.Mixture()
  mixture = dataclasses.replace(config.mixture, layers=(), components=0,  # are in files' names
                                covariance=default.covariance, per_class=default.per_class,
                                least_share=default.least_share)
  return dataclasses.replace(config, rows={}, mixture=mixture, optimizer=config_lib.Optimizer(),
                             alignment=config_lib.Alignment(), evaluation=config_lib.Evaluation())


def train_row(config: config_lib.Config, dataset: data.Dataset, workdir: pathlib.Path,
              reference: pathlib.Path) -> checkpoint.Run:
  """The run of a config's method, trained or read; its reference network and mixtures come first.

  Args:
    config: of the row.
    dataset: opened and encoded.
    workdir: of the run.
    reference: work directory of the reference network.

  Raises:
    ValueError: as `preflight.check` and `preflight.check_data`, or if a work directory holds a run
      of another config; before anything is trained.
  """
  preflight.check(config)
  preflight.check_data(config, dataset)
  theirs, ours = reference_config(config), dataclasses.replace(config, rows={})
  workdir_lib.check_workdir(reference, theirs)
  if methods.named(config.method).reference:
    return _trained(theirs, dataset, reference)
  workdir_lib.check_workdir(workdir, ours)
  run = _trained(theirs, dataset, reference)
  with hosts.first_alone("mixtures"):
    found = mixtures_lib.needed(ours, run, dataset, reference)
  constants = given.Constants({layer: needed.statistics for layer, needed in found.items()},
                              codes.needed(ours, dataset))
  return _trained(ours, dataset, workdir, run, constants)


def _trained(config: config_lib.Config, dataset: data.Dataset, workdir: pathlib.Path,
             reference: checkpoint.Run | None = None,
             constants: given.Constants = given.Constants()) -> checkpoint.Run:
  """A run's network; read where training is over."""
  run = checkpoint.trained(workdir, step.steps(config))
  if run is not None:
    return run
  visible, judge = validation.held_out(config, dataset)
  return train.train(config, visible, workdir, reference, constants,
                     validation.watcher(config, dataset), judge)


def reproduce(config: config_lib.Config, workdir: pathlib.Path, rows: Sequence[str] = methods.PAPER,
              seeds: int = 1, paper: bool = True, jobs: int = 1) -> str:
  """Trains and evaluates every row for every seed and writes the table.

  Args:
    config: of the experiment; its `rows` hold what differs between methods, its seed is the first.
    workdir: of the experiment.
    rows: keys of methods, in table order.
    seeds: number of seeds, counted from the config's.
    paper: put the paper's means beside ours, where the classes are its own.
    jobs: rows trained at once, each in a process of its own; 0 is as many as pay (see `at_once`).

  Returns:
    The table and the verdict on it, for a terminal.

  Raises:
    ValueError: as `preflight.check_rows` and `train_row`, or if a row changes what the reference
      network depends on; before anything is trained.
    crew.Gone, and as `crew.work`: if rows are trained at once.
  """
  preflight.check_rows(config, rows)
  at_once.check(jobs)
  seeded = [dataclasses.replace(config, seed=config.seed + i) for i in range(seeds)]
  folders = [pathlib.Path(workdir) / f"seed_{each.seed}" for each in seeded]
  for each, folder in zip(seeded, folders):
    for row in rows:
      _check_row(fields.for_method(each, row), reference_config(each), folder / row)
  found, text, left = [], "", _left(seeded, folders, rows)
  for each, folder in zip(seeded, folders):
    dataset = opening.open_data(each).encoded
    share = at_once.share(jobs, each, dataset, rows)
    if left:
      logging.info("%d of %d runs to train: %s", left, len(rows) * seeds, progress.about(
        minutes.rows(dataset, each, left, share.jobs)))
      left = 0
    for row in rows:
      preflight.check_data(fields.for_method(each, row), dataset)
    done = _done(each, dataset, folder, rows, share)
    found += [done[row] for row in rows]
    for row in rows:
      mixtures_lib.forget(fields.for_method(each, row), folder / REFERENCE)
    if hosts.is_first():
      content = table_files.write(workdir, found, paper=paper)
      text = f"{screen.to_text(content)}\n{verdict.to_text(verdict.verdict(found))}"
  return text


def _done(config: config_lib.Config, dataset: data.Dataset, folder: pathlib.Path,
          rows: Sequence[str], share: at_once.Share) -> dict[str, Mapping[str, Any]]:
  """Results {row: as of `evaluate`} of one seed, the reference's too; what is not there is made."""
  found: dict[str, Mapping[str, Any]] = {}

  def note(row: str, result: Mapping[str, Any]) -> None:
    _report(result, f"seed {config.seed}, {len(found)}/{len(rows)}")
    found[row] = result

  note(REFERENCE, _evaluated(config, dataset, folder, REFERENCE))
  left = {f"{row}, seed {config.seed}": row for row in rows if share.jobs > 1
          and not (_is_trained(fields.for_method(config, row), folder / row)
                   and evaluate.finished(folder / row))}
  if left:
    at_once.train(functools.partial(_begin, config, folder), share, left,
                  lambda name: note(left[name], evaluate.load(folder / left[name])[0]))
  for row in rows:
    if row not in found:
      note(row, _evaluated(config, dataset, folder, row))
  return found


def _evaluated(config: config_lib.Config, dataset: data.Dataset, folder: pathlib.Path,
               row: str) -> Mapping[str, Any]:
  run = train_row(fields.for_method(config, row), dataset, folder / row, folder / REFERENCE)
  return evaluate.evaluate(run, dataset, folder / row)


def _begin(config: config_lib.Config, folder: pathlib.Path) -> Callable[[str], None]:
  """What does a row of a seed in a process beside others."""
  dataset = opening.open_data(config).encoded

  def do(row: str) -> None:
    _evaluated(config, dataset, folder, row)
    devices.forget()

  return do


def _is_trained(config: config_lib.Config, workdir: pathlib.Path) -> bool:
  return checkpoint.latest_step(workdir) == step.steps(config)


def _left(seeded: Sequence[config_lib.Config], folders: Sequence[pathlib.Path],
          rows: Sequence[str]) -> int:
  """Rows that are not trained to their end."""
  return sum(not _is_trained(fields.for_method(config, row), folder / row)
             for config, folder in zip(seeded, folders) for row in rows)


def _check_row(config: config_lib.Config, reference: config_lib.Config,
               workdir: pathlib.Path) -> None:
  """Refuses a row that cannot start from the table's reference, or whose folder is not its own."""
  other = fields.difference(reference_config(config), reference)
  if other:
    raise ValueError(f"config.rows[{config.method!r}] changes what the reference network depends "
                     "on, which all rows share (row | reference):\n  " + "\n  ".join(other))
  workdir_lib.check_workdir(workdir, dataclasses.replace(config, rows={}))


def _report(result: Mapping[str, Any], where: str) -> None:
  table = result["tables"][0]
  accuracy = ", ".join(f"{code} {100 * part['accuracy']:.0f}"
                       for code, part in result["recognition"].items())
  mean = results.main_mean(result)
  what = f"({table['layer']} {table['readout']})"
  score = f"mean mAP {100 * mean:.1f} % {what}, " if mean is not None else ""
  logging.info("%s, %s: %srecognition %% %s", where, result["name"], score, accuracy)
