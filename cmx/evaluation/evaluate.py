"""Evaluation of one run: features, tables and recognition, kept as files.

  <workdir>/result.json             tables and recognition
  <workdir>/average_precision.npz   the same query by query, see `cmx.evaluation.scores`
"""

import json
import pathlib
from typing import Any

import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx.data import splits
from cmx.evaluation import features
from cmx.evaluation import fitted
from cmx.evaluation import kept
from cmx.evaluation import readouts
from cmx.evaluation import results
from cmx.evaluation import retrieval
from cmx.evaluation import scores
from cmx.files import json_files
from cmx.files import manifest
from cmx.files import writing
from cmx.runtime import hosts
from cmx.training import checkpoint
from cmx.training import step

_RESULT, _QUERIES = "result.json", "average_precision.npz"


def unseen(config: config_lib.Config, dataset: data.Dataset) -> np.ndarray:
  """Labels, ascending [count], that a run of this config never trains on."""
  return splits.unseen_classes(len(dataset.classes), config.data.unseen_classes, config.seed)


def check_trained(run: checkpoint.Run, workdir: pathlib.Path) -> None:
  """Raises ValueError where training has not come to its end: a table of it would mislead."""
  last = step.steps(run.config)
  if run.step < last:
    raise ValueError(f"the run in {workdir} is at step {run.step:,} of {last:,}: its training is "
                     "not finished; run launch.train or launch.reproduce with it again")


def evaluate(run: checkpoint.Run, dataset: data.Dataset, workdir: pathlib.Path) -> dict[str, Any]:
  """The result of a run, as of `results.run_result`: tables by layer and read-out, recognition.

  It is read where it is on disk. What is damaged there, features too, is computed again; several
  processes that ask for it at once wait for the one that came first.
  """
  with hosts.first_alone("evaluation"):
    known = _known(workdir)
    if known is None:
      with writing.held(workdir / _RESULT):
        known = _known(workdir) or _evaluated(run, dataset, workdir)
  return known


def finished(workdir: pathlib.Path) -> bool:
  """Whether the run of a work directory is evaluated; damaged results are none, as the log says."""
  return (manifest.is_whole(manifest.beside(workdir / _RESULT), "It is to be evaluated again")
          and (workdir / _RESULT).exists() and (workdir / _QUERIES).exists())


def load(workdir: pathlib.Path) -> tuple[dict[str, Any], scores.Arrays]:
  """The result of a run that is evaluated, and its scores by query.

  Raises:
    ValueError: if it is not, or a file is damaged.
  """
  manifest.check(manifest.beside(workdir / _RESULT))
  if not finished(workdir):
    raise ValueError(f"{workdir} holds no evaluation; run launch.evaluate with --runs={workdir}")
  remedy = f"remove {_RESULT} and {_QUERIES} there, and run the same command again"
  result = json_files.read(workdir / _RESULT, remedy, "tables", "recognition")
  try:
    return result, writing.read_arrays(workdir / _QUERIES)
  except ValueError as error:
    raise ValueError(f"{error}; {remedy}") from error


def _known(workdir: pathlib.Path) -> dict[str, Any] | None:
  """The result on disk; None where it is to be made, or features are damaged."""
  if not finished(workdir) or manifest.damage(manifest.of(kept.folder_of(workdir))):
    return None
  return load(workdir)[0]


def _evaluated(run: checkpoint.Run, dataset: data.Dataset, workdir: pathlib.Path) -> dict[str, Any]:
  if finished(workdir):  # its features alone were damaged
    features.extract(run, dataset, data.VALIDATION, kept.layers(run.config),
                     kept.folder_of(workdir), batch=run.config.evaluation.batch)
    return load(workdir)[0]
  with kept.every_layer(run, dataset, workdir) as found:
    result, queries = _measured(run, dataset, workdir, found)
  # Last, so that whoever is killed before evaluates again, with the features that it needs.
  sealed = manifest.beside(workdir / _RESULT)
  manifest.lift(sealed)
  writing.write_arrays(workdir / _QUERIES, queries)
  writing.write_text(workdir / _RESULT, json.dumps(result, indent=1))
  manifest.seal(sealed, "Run launch.evaluate again: it is computed anew",
                [workdir / _RESULT, workdir / _QUERIES])
  return result


def _measured(run: checkpoint.Run, dataset: data.Dataset, workdir: pathlib.Path,
              found: features.Features) -> tuple[dict[str, Any], scores.Arrays]:
  """The result of a run of these features, and its scores by query."""
  config = run.config
  settings = config.evaluation
  pairs = dict.fromkeys([(settings.layer, settings.readout),
                         *((layer, settings.readout) for layer in settings.layers),
                         ("fc8", "posterior")])
  needed = readouts.named(settings.readout).pieces
  fits = fitted.statistics(run, dataset, workdir) if needed else {}
  rows = [retrieval.retrieval_table(found, layer, readout, fits.get(layer, {}))
          for layer, readout in pairs]
  recognition = {name: retrieval.recognition(part["fc8"], part["label"])
                 for name, part in found.items()}
  training = {name: len(source) for name, source in dataset.splits[data.TRAIN].items()}
  result = results.run_result(config.method, run.name, config.seed, run.modalities, rows,
                              recognition, classes=run.classes, training=training)
  hidden = unseen(config, dataset)
  alone = _alone(config, found, hidden, fits.get(settings.layer, {}))
  if alone is not None:
    result["unseen"] = results.run_result(config.method, run.name, config.seed, run.modalities,
                                          [alone], recognition)["tables"][0]
  return result, scores.arrays(rows, found, results.codes(run.modalities), run.classes, hidden,
                               alone)


def _alone(config: config_lib.Config, found: features.Features, hidden: np.ndarray,
           fits: readouts.Statistics) -> retrieval.Table | None:
  """Retrieval among the examples of unseen classes; None where there are none to rank."""
  part = features.with_classes(found, hidden)
  if (readouts.named(config.evaluation.readout).of_classifier
      or not all(len(own["label"]) for own in part.values())):
    return None
  return retrieval.retrieval_table(part, config.evaluation.layer, config.evaluation.readout, fits)
