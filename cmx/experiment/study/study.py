"""A study: rows x seeds x values, and the table that says what of it can be believed.

  <workdir>/study.{txt,md,tex,csv,json,png,pdf}   the table and its picture
  <workdir>/study.{config,tuning}.json            what the folder is a study of

Runs lie as `plan` says. Every part is skipped where its result is on disk, so that a study goes on
where it stopped, and several processes and hosts share it through its folder.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from absl import logging

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx.evaluation import comparison
from cmx.evaluation import evaluate
from cmx.evaluation import results as results_lib
from cmx.evaluation import scores as scores_lib
from cmx.evaluation import significance
from cmx.experiment import preflight
from cmx.experiment.study import figure
from cmx.experiment.study import plan
from cmx.experiment.study import table
from cmx.experiment.study import tune as tune_lib
from cmx.experiment.study import work
from cmx.files import json_files
from cmx.files import writing
from cmx.runtime import provenance
from cmx.training import workdir as workdir_lib

_RECORD, _TUNING = "study.config.json", "study.tuning.json"
_TRIALS = "trials"  # folder of what is tuned


class Study(NamedTuple):
  """What is studied.

  Attributes:
    config: the base; its `rows` keep what differs between methods, its seed is the first.
    workdir: of the study.
    rows: keys of methods.
    seeds: number of seeds, counted from the config's.
    against: row that the others are compared with; one of `rows`.
    sweep: ladders whose values every row is trained at, one field at a time.
    tune: ladders whose best value each row is given, all fields together.
    holdout: share of each training cell that tuning judges by.
    measures: columns with a table and a panel of their own; () for the mean and, where there are
      unseen classes, theirs.
    look: only make the table of what is there; nothing is trained.
  """

  config: config_lib.Config
  workdir: pathlib.Path
  rows: Sequence[str]
  seeds: int
  against: str
  sweep: Sequence[plan.Ladder] = ()
  tune: Sequence[plan.Ladder] = ()
  holdout: float = 0.2
  measures: Sequence[str] = ()
  look: bool = False


def run(study: Study) -> dict[str, Any]:
  """Trains, tunes and evaluates what is not there yet; returns the content of the table.

  Returns:
    The dict of `comparison.compare`, with "definition": what the main numbers are, "unseen": how
    many classes training never shows, in words, "failed": runs whose training failed, "missing":
    number of runs that are not there, "tuning": None or {"rule", "rows": {row: {"chosen",
    "trials"}}}, "seconds": {row: mean of its runs that nothing interrupted}, "provenance".

  Raises:
    ValueError: before anything is trained, if the study cannot be run as it is, or its folder holds
      another one; after it, if the runs were evaluated on other queries.
  """
  data = work.Opened()
  _check(study, data)
  choices = _tuned(study, data)
  cells = _cells(study, {row: choice.values for row, choice in choices.items()})
  _check_folders(cells)
  if not study.look:
    work.finish(cells, "study", data)
  there = _there(cells)
  return {**_compared(there, study.against), "missing": len(cells) - len(there),
          "provenance": provenance.describe(), "tuning": {
            "rule": tune_lib.rule(study.tune, study.holdout, study.config.seed),
            "rows": tune_lib.to_json(choices)} if choices else None}


def write(study: Study, content: table.Content) -> str:
  """Writes the table and the picture of a study that was run; returns the table as text."""
  measures = study.measures or [name for name in (scores_lib.MEAN, *scores_lib.UNSEEN)
                                if name in content["measures"]]
  with writing.held(study.workdir / "study"):  # others may be done at the same time
    text = table.write(study.workdir, content, measures)
    figure.write(study.workdir, content, measures)
  return text


def _cells(study: Study, chosen: Mapping[str, plan.Values]) -> list[plan.Cell]:
  return plan.cells(study.config, study.workdir, study.rows, study.seeds,
                    plan.points(study.sweep), chosen)


def _trials(study: Study) -> list[plan.Cell]:
  if not study.tune:
    return []
  config = tune_lib.held_out(study.config, study.holdout)
  return plan.cells(config, study.workdir / _TRIALS, study.rows, 1,
                    plan.combinations(study.tune))


def _check(study: Study, data: work.Opened) -> None:
  """Refuses what would fail later, or would mix with what the folder holds."""
  preflight.check_rows(study.config, study.rows)
  if study.against not in study.rows:
    raise ValueError(f"rows are compared with {study.against!r}; expected one of the study's: "
                     f"{', '.join(study.rows)}")
  varied = [field for field, _ in (*study.sweep, *study.tune)]
  for field in varied:
    if varied.count(field) > 1:
      raise ValueError(f"{field} is swept or tuned {varied.count(field)} times; expected once")
  cells, trials = _cells(study, {}), _trials(study)
  for cell in (*cells, *trials):
    preflight.check(cell.config)
  workdir_lib.check_record(study.workdir / _RECORD, _settings(study), "study")
  _check_tuning(study)
  _check_folders(trials if study.tune else cells)
  known: set[str] = set()
  for cell in (*cells, *trials):
    if cell.seed == study.config.seed:
      dataset = data.of(cell.config)
      preflight.check_data(cell.config, dataset)
      _check_queries(dataset)
      known |= set(scores_lib.names(dataset.modalities, cell.config.data.unseen_classes > 0))
  for name in study.measures:
    if name not in known:
      raise ValueError(f"measure {name!r}; expected among {', '.join(sorted(known))}")
  if not (study.workdir / _RECORD).exists():
    study.workdir.mkdir(parents=True, exist_ok=True)
    writing.write_text(study.workdir / _TUNING, json.dumps(_tuning(study)))
    writing.write_text(study.workdir / _RECORD, fields.to_json(_settings(study)) + "\n")


def _check_tuning(study: Study) -> None:
  """Refuses a folder whose rows were given what other trials, or none, have found best."""
  path, ours = study.workdir / _TUNING, _tuning(study)
  remedy = "choose another --workdir, or remove it if you know that this study was tuned as now"
  theirs = json_files.read(path, remedy) if path.exists() else ours
  if ours != theirs:
    raise ValueError(f"{study.workdir} holds a study that was tuned otherwise (asked for | found "
                     f"there):\n  {json.dumps(ours)} | {json.dumps(theirs)}\nChoose another "
                     "--workdir, or the same --tune and --holdout.")


def _tuning(study: Study) -> dict[str, Any]:
  """What rows are tuned by, as JSON."""
  return {"holdout": study.holdout, "tune": {field: [plan.plain(value) for value in values]
                                             for field, values in study.tune}} if study.tune else {}


def _check_folders(cells: Sequence[plan.Cell]) -> None:
  for cell in cells:
    workdir_lib.check_workdir(cell.folder, dataclasses.replace(cell.config, rows={}))


def _settings(study: Study) -> config_lib.Config:
  """What may not differ between two runs of one study: more rows, seeds and values may come."""
  return dataclasses.replace(study.config, rows={}, method=config_lib.Config.method)


def _check_queries(dataset: data_lib.Dataset) -> None:
  count = sum(len(source) for source in dataset.splits[data_lib.VALIDATION].values())
  if count < significance.FEWEST:
    raise ValueError(f"{count} validation examples are {count} queries; expected "
                     f"{significance.FEWEST} or more: a test of fewer finds nothing")


def _tuned(study: Study, data: work.Opened) -> dict[str, tune_lib.Choice]:
  if not study.tune:
    return {}
  trials = _trials(study)
  logging.info(tune_lib.rule(study.tune, study.holdout, study.config.seed))
  if not study.look:
    work.finish(trials, "tuning", data)
  judged = {(cell.row, cell.value): None if work.failure(cell.folder) else
            _scores(cell)[1][scores_lib.MEAN].value for cell in trials}
  return tune_lib.choose(study.tune, judged, study.rows)


def _there(cells: Sequence[plan.Cell]) -> list[plan.Cell]:
  """The cells that are done, of rows that have the first seed and of seeds that all these have."""
  done = [cell for cell in cells if evaluate.finished(cell.folder) or work.failure(cell.folder)]
  if not done:
    raise ValueError("no run is there yet; expected one row at least: run it without --look")
  first = min(cell.seed for cell in done)
  rows = {(cell.value, cell.row) for cell in done if cell.seed == first}
  seeds = [seed for seed in {cell.seed: None for cell in done}
           if rows <= {(cell.value, cell.row) for cell in done if cell.seed == seed}]
  return [cell for cell in done if cell.seed in seeds and (cell.value, cell.row) in rows]


def _scores(cell: plan.Cell) -> tuple[dict[str, Any], dict[str, scores_lib.Score]]:
  """Result and measures of a cell."""
  result, kept = evaluate.load(cell.folder)
  return result, scores_lib.scores(result, kept)


def _compared(cells: Sequence[plan.Cell], against: str) -> dict[str, Any]:
  failed = {(cell.value, cell.row): f"{cell}: {message}" for cell in cells
            if (message := work.failure(cell.folder))}
  results, found = [], {}
  for cell in cells:
    if (cell.value, cell.row) not in failed:
      result, measured = _scores(cell)
      results.append(result)
      found.setdefault((cell.value, cell.row), {})[cell.seed] = measured
  if against in {row for _, row in failed} - {row for _, row in found}:
    raise ValueError(f"row {against!r}, which all are compared with, failed: "
                     f"{next(message for (_, row), message in failed.items() if row == against)}. "
                     "Choose another row with --against")
  took: dict[str, list[float]] = {}
  for cell in cells:
    if (cost := work.seconds(cell.folder)) is not None:
      took.setdefault(cell.row, []).append(cost)
  hidden = sorted({cell.config.data.unseen_classes for cell in cells})
  return {**comparison.compare(found, against), "failed": list(failed.values()),
          "definition": results_lib.definition(results[0], results[0]["tables"][0]),
          "unseen": " to ".join(map(str, hidden[:1] + hidden[1:][-1:])) if hidden[-1] else "",
          "seconds": {row: sum(costs) / len(costs) for row, costs in took.items()}}
