"""What a report reads: the runs below a work directory, as they lie on disk."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cmx import methods
from cmx.evaluation import examples as examples_lib
from cmx.evaluation import features as features_lib
from cmx.evaluation import kept
from cmx.evaluation import verdict as verdict_lib
from cmx.files import json_files
from cmx.files import manifest
from cmx.report import options as options_lib
from cmx.training import checkpoint
from cmx.training import metrics as metrics_lib
from cmx.training import workdir as workdir_lib

_FOLDER = "report"  # below the work directory


class Opened(NamedTuple):
  """One run.

  Attributes:
    workdir: of the run.
    name: of its method, as printed.
    run: what it is, without parameters (`checkpoint.load_run` reads them).
    result: see `results.run_result`; None where it was not evaluated.
    metrics: a dict for each line of metrics.jsonl.
    features: of the validation split, {modality: {layer: [N, D], "label": [N]}}; {} where missing.
    examples: what stands behind the features; None where those are missing.
  """

  workdir: pathlib.Path
  name: str
  run: checkpoint.Run
  result: Mapping[str, Any] | None
  metrics: Sequence[Mapping[str, float]]
  features: features_lib.Features
  examples: examples_lib.Examples | None

  @property
  def method(self) -> str:
    """Key of the method."""
    return self.run.config.method


class Report(NamedTuple):
  """What all sections are given.

  Attributes:
    workdir: of the run or experiment.
    folder: where figures go.
    runs: evaluated or not, all of one class list; methods in table order, then seeds.
    reference: the reference network they start from, or None.
    options: what was asked for.
    problems: what could not be opened and why, in words.
    verdict: on the rows that are evaluated; None where none is.
  """

  workdir: pathlib.Path
  folder: pathlib.Path
  runs: Sequence[Opened]
  reference: Opened | None
  options: options_lib.Options
  problems: Sequence[str]
  verdict: verdict_lib.Verdict | None = None

  @property
  def best(self) -> str:
    """Name of the best row, on which choices stand; of the first where none is evaluated."""
    return next((opened.name for opened in self.runs
                 if self.verdict and opened.method == self.verdict.best), self.runs[0].name)

  @property
  def shown(self) -> list[Opened]:
    """One run of each method, the first seed: whose pictures are drawn."""
    first: dict[str, Opened] = {}
    for opened in self.runs:
      first.setdefault(opened.method, opened)
    return list(first.values())


def open_report(workdir: pathlib.Path, options: options_lib.Options) -> Report:
  """Opens a run, or all runs of an experiment as `launch.reproduce` writes it.

  Raises:
    FileNotFoundError: if there is no run with a checkpoint.
  """
  workdir, problems = pathlib.Path(workdir), []
  known: dict[str, examples_lib.Examples] = {}
  folders = workdir_lib.find_runs(workdir)
  runs = [opened for folder in folders
          if (opened := _tried(folder, options.layer, known, problems)) is not None]
  if not runs:
    raise FileNotFoundError(
      f"no trained run in {workdir}; expected a work directory of launch.train or launch.reproduce"
      + "".join(f"\n  {problem}" for problem in problems))
  roles = [methods.named(opened.method).reference for opened in runs]
  reference = next((opened for opened, role in zip(runs, roles) if role), None)
  others = [opened for opened, role in zip(runs, roles) if not role] or runs[:1]
  order = list(methods.METHODS)
  others.sort(key=lambda opened: (order.index(opened.method), opened.run.config.seed))
  kept = _of_one_class_list(others, problems)
  unfinished = len(folders) - len(runs) + sum(opened.result is None for opened in kept)
  return Report(workdir, workdir / _FOLDER, kept, reference, options, problems,
                _verdict(kept, unfinished, problems))


def _verdict(runs: Sequence[Opened], unfinished: int,
             problems: list[str]) -> verdict_lib.Verdict | None:
  found = [opened.result for opened in runs if opened.result]
  try:
    return verdict_lib.verdict(found, unfinished) if found else None
  except ValueError as error:
    problems.append(f"There is no verdict: {error}")
    return None


def _tried(folder: pathlib.Path, layer: str, known: dict[str, examples_lib.Examples],
           problems: list[str]) -> Opened | None:
  try:
    return _open(folder, layer, known, problems)
  except (OSError, ValueError, KeyError) as error:
    problems.append(f"The run in {folder} cannot be opened: {error}")
    return None


def _open(folder: pathlib.Path, layer: str, known: dict[str, examples_lib.Examples],
          problems: list[str]) -> Opened:
  run = checkpoint.load_run(folder, params=False)
  method = run.method
  features, examples = {}, None
  try:
    features = _features(run, folder, layer, problems)
    examples = _examples(run, kept.folder_of(folder), known)
  except FileNotFoundError:
    if not method.reference:
      problems.append(f"{method.name}, seed {run.config.seed}, has no features of the validation "
                      "split: run launch.evaluate, and build the report again for its pictures")
  return Opened(folder, run.name, run, _result(folder), _metrics(folder, problems), features,
                examples)


def _features(run: checkpoint.Run, folder: pathlib.Path, layer: str,
              problems: list[str]) -> features_lib.Features:
  """Features of the validation split, with the layer if it can be had."""
  try:
    return kept.with_layer(run, folder, layer)
  except (OSError, ValueError, KeyError) as error:
    features = features_lib.load(kept.folder_of(folder))
    problems.append(f"{run.name}, seed {run.config.seed}: {layer} cannot be computed: {error}")
    return features


def _metrics(folder: pathlib.Path, problems: list[str]) -> list[dict[str, float]]:
  try:
    return metrics_lib.read(folder)
  except ValueError as error:
    problems.append(str(error))
    return []


def _result(folder: pathlib.Path) -> dict[str, Any] | None:
  """The result of a run; None where it is not evaluated."""
  path = folder / "result.json"
  manifest.check(manifest.beside(path))
  return (json_files.read(path, "remove it, and run launch.evaluate again", "tables")
          if path.exists() else None)


def _examples(run: checkpoint.Run, folder: pathlib.Path,
              known: dict[str, examples_lib.Examples]) -> examples_lib.Examples:
  """The examples of a run; runs that see the same data share them."""
  seen = run.config.seed if run.config.data.unseen_classes else None
  key = repr((run.config.data, run.classes, [row.name for row in run.modalities], seen))
  if key not in known:
    known[key] = examples_lib.open_examples(run.config, run.classes, folder)
  return known[key]


def _of_one_class_list(runs: Sequence[Opened], problems: list[str]) -> list[Opened]:
  """The runs with the classes of the first one; the others become problems."""
  kept, first = [], runs[0].run.classes
  for opened in runs:
    if opened.run.classes == first:
      kept.append(opened)
    else:
      problems.append(f"{opened.workdir} is left out: its {len(opened.run.classes)} classes are "
                      f"not the {len(first)} of {runs[0].workdir}")
  return kept
