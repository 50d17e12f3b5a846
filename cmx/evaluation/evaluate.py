"""Evaluation of one run: features, tables and recognition, kept as result.json."""

import json
import pathlib
from typing import Any

import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx import methods
from cmx.data import splits
from cmx.evaluation import features
from cmx.evaluation import results
from cmx.evaluation import retrieval
from cmx.files import writing
from cmx.runtime import hosts
from cmx.training import checkpoint


def unseen(config: config_lib.Config, dataset: data.Dataset) -> np.ndarray:
  """Labels, ascending [count], that a run of this config never trains on."""
  return splits.unseen_classes(len(dataset.classes), config.data.unseen_classes, config.seed)


def evaluate(run: checkpoint.Run, dataset: data.Dataset, workdir: pathlib.Path) -> dict[str, Any]:
  """The result of a run, as of `results.run_result`: tables by layer and read-out, recognition."""
  with hosts.first_alone("evaluation"):
    return _evaluated(run, dataset, workdir)


def _evaluated(run: checkpoint.Run, dataset: data.Dataset, workdir: pathlib.Path) -> dict[str, Any]:
  """The result; read where it is on disk."""
  path = workdir / "result.json"
  if path.exists():
    return json.loads(path.read_text())
  config, method = run.config, methods.named(run.config.method)
  settings = config.evaluation
  wanted = dict.fromkeys((*settings.layers, settings.layer, "fc8"))
  found = features.extract(run, dataset, data.VALIDATION, list(wanted),
                           workdir / "features" / data.VALIDATION, batch=settings.batch)
  pairs = dict.fromkeys([(settings.layer, settings.readout),
                         *((layer, settings.readout) for layer in settings.layers),
                         (settings.layer, "centred"), ("fc8", "posterior")])
  rows = [retrieval.retrieval_table(found, layer, readout) for layer, readout in pairs]
  recognition = {name: retrieval.recognition(part["fc8"], part["label"])
                 for name, part in found.items()}
  result = results.run_result(config.method, method.name, config.seed, run.modalities, rows,
                              recognition)
  if config.data.unseen_classes:
    part = features.with_classes(found, unseen(config, dataset))
    new = retrieval.retrieval_table(part, settings.layer, settings.readout)
    result["unseen"] = results.run_result(config.method, method.name, config.seed, run.modalities,
                                          [new], recognition)["tables"][0]
  writing.write_text(path, json.dumps(result, indent=1))
  return result
