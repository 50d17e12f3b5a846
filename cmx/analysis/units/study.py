"""Study: a run's units found, looked at and drawn, below its work directory.

  <workdir>/units/{units.json, units.csv}
  <workdir>/units/<layer>_<unit>.{png,pdf}    a page for each unit that is shown
  <workdir>/units/tiles/<layer>_<unit>_<code>.webp    its first examples of a modality, small
"""

import json
import math
import pathlib
from typing import Any

import numpy as np
from absl import logging

from cmx import data
from cmx import methods
from cmx.analysis.units import findings as findings_lib
from cmx.analysis.units import looks
from cmx.analysis.units import options as options_lib
from cmx.analysis.units import subject as subject_lib
from cmx.analysis.units import summary
from cmx.analysis.units import tally as tally_lib
from cmx.analysis.units import unit_page
from cmx.data import opening
from cmx.evaluation import examples as examples_lib
from cmx.files import grids
from cmx.files import json_files
from cmx.files import manifest
from cmx.files import writing
from cmx.runtime import progress
from cmx.runtime import speed
from cmx.training import checkpoint
from cmx.training import workdir as workdir_lib

FOLDER, RESULT, _LINES = "units", "units.json", "units.csv"
# Seconds that a run takes, and an example that it looks at, measured as `speed.slower` says.
_RUN_S, _EXAMPLE_S = 30.0, 8e-3


def study_all(workdir: pathlib.Path, options: options_lib.Options) -> list[dict[str, Any]]:
  """Dissects a run, or all runs of an experiment but for their reference networks.

  Args:
    workdir: of the run or experiment.
    options: what is asked for; pages are drawn for the first seed of a method.

  Returns:
    Results of `study`, methods in table order. A run that cannot be dissected is left out, and the
    log says why.

  Raises:
    FileNotFoundError: if there is no run.
    ValueError: if none can be dissected.
  """
  runs = _runs(workdir)
  results, failed = {}, []
  new = sum(not (folder / FOLDER / RESULT).exists() for folder, _ in runs)
  for i, (folder, run) in enumerate(runs):
    try:
      draw = options.show > 0 and run.config.method not in {method for method, _ in results}
      dataset = opening.open_data(run.config)
      if new:
        _tell_minutes(new, dataset, options)
        new = 0
      result = study(checkpoint.load_run(folder), dataset, folder, options, draw=draw)
    except (OSError, ValueError) as error:
      failed.append(f"{folder}: {error}")
      logging.warning("%s is left out: %s", folder, error)
      continue
    results[run.config.method, run.config.seed] = result
    for problem in result["problems"]:
      logging.warning("%s: %s", folder, problem)
    logging.info("%d/%d: units of %s, seed %d. Written: %s", i + 1, len(runs), result["name"],
                 result["seed"], folder / FOLDER)
  if not results:
    raise ValueError("no run could be looked at:\n  " + "\n  ".join(failed))
  return list(results.values())


def _tell_minutes(runs: int, dataset: opening.Opened, options: options_lib.Options) -> None:
  """Logs about how long so many runs take."""
  most = math.inf if options.limit is None else options.limit
  examples = sum(min(len(source), most)
                 for source in dataset.encoded.splits[options.split].values())
  logging.info("Units of %d runs: %s", runs, speed.about(runs * (_RUN_S + examples * _EXAMPLE_S)))


def _runs(workdir: pathlib.Path) -> list[tuple[pathlib.Path, checkpoint.Run]]:
  """Folders and runs, without their parameters, in table order; reference networks where alone."""
  runs, order = [], list(methods.METHODS)
  for folder in workdir_lib.find_runs(workdir):
    try:
      runs.append((folder, checkpoint.load_run(folder, params=False)))
    except (OSError, ValueError) as error:
      logging.warning("%s is left out: %s", folder, error)
  if not runs:
    raise FileNotFoundError(f"no trained run in {workdir}; expected a work directory of "
                            "launch.train or launch.reproduce")
  others = [(folder, run) for folder, run in runs
            if not run.method.reference] or runs
  return sorted(others, key=lambda each: (order.index(each[1].config.method),
                                          each[1].config.seed))


def study(run: checkpoint.Run, dataset: opening.Opened, workdir: pathlib.Path,
          options: options_lib.Options = options_lib.Options(), *,
          draw: bool = True) -> dict[str, Any]:
  """Dissects a run; returns at once where that is done already, with the same options.

  Args:
    run: trained network.
    dataset: of the run.
    workdir: of the run.
    options: what is asked for.
    draw: pages for some units; numbers alone without.

  Returns:
    The content of units.json: {"method", "name", "seed", "data", "classes", "modalities": {code:
    name}, "asked": options, "layers": {layer: see `summary.layer`}, "shown": see `shown.write`,
    "problems": what was asked for and is not there, in words}.

  Raises:
    ValueError: if nothing that was asked for is there, or the data set is of other classes.
  """
  folder = workdir / FOLDER
  asked = json.loads(json.dumps({"step": run.step, "content": dataset.encoded.fingerprint,
                                 "draw": draw, **options._asdict()}))
  whole = manifest.is_whole(manifest.of(folder), "It is made again")
  known = load(folder) if whole else None
  if known is not None and known["asked"] == asked:
    return known
  subject, problems = subject_lib.subject(run, dataset.encoded, options.split, options.layers,
                                          options.modalities, options.limit)
  findings = findings_lib.find(subject, dataset.raw, options)
  with writing.held(folder), writing.whole_folder(folder) as unfinished:
    (unfinished / _LINES).write_text(grids.records_to_csv(summary.lines(findings)))
    problems += findings.problems
    shown = _shown(findings, dataset.raw, unfinished, problems) if draw else []
    result = {
      "method": run.config.method, "name": run.name,
      "seed": run.config.seed, "data": dataset.encoded.name, "classes": len(run.classes),
      "modalities": {row.code: row.name for row in subject.modalities}, "asked": asked,
      "layers": {layer: summary.layer(findings, layer) for layer in subject.layers},
      "shown": shown, "problems": list(dict.fromkeys(problems))}
    (unfinished / RESULT).write_text(json.dumps(result, indent=1))
    manifest.seal(manifest.of(unfinished), "Run launch.units again: it is made anew")
  return result


def load(folder: pathlib.Path) -> dict[str, Any] | None:
  """The result in a folder of `study`; None where there is none.

  Raises:
    ValueError: if a file of the folder is damaged.
  """
  manifest.check(manifest.of(folder))
  remedy = f"remove {folder}, and run launch.units again"
  path = folder / RESULT
  return json_files.read(path, remedy, "asked", "layers", "shown") if path.exists() else None


def _shown(findings: findings_lib.Findings, raw: data.Dataset, folder: pathlib.Path,
           problems: list[str]) -> list[dict[str, Any]]:
  """Chooses units, looks at their examples and draws them; what is shown, as plain values."""
  chosen = {}
  for layer, part in findings.tallies.items():
    alive = ~np.all([tally_lib.dead(tally) for tally in part.values()], axis=0)
    score = findings.compared[layer].score if layer in findings.compared else None
    chosen[layer] = looks.choose(alive, score, findings.options.show, findings.options.rng(layer))
  sources = {name: raw.splits[findings.options.split][name] for name in findings.subject.chosen}
  labels = {name: np.asarray(sources[name].labels)[part]
            for name, part in findings.subject.chosen.items()}
  examples = examples_lib.Examples(raw.classes, labels, {}, sources)
  looker, shown = looks.Looker(findings, examples), []
  total = sum(map(len, chosen.values()))
  with progress.Progress(f"{findings.subject.run.config.method}, pages", total, "units") as line:
    for layer, part in chosen.items():
      for unit, why in part:
        shown.append(unit_page.write(findings, looker(layer, unit, why), folder))
        line.update(len(shown))
  problems += [*looker.problems, *examples.problems]
  return shown
