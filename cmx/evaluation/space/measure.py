"""Measures the space of a trained run, or of embeddings of others; kept as files."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from cmx import data
from cmx.data import opening
from cmx.evaluation import embeddings
from cmx.evaluation import evaluate
from cmx.evaluation import features
from cmx.evaluation import fitted
from cmx.evaluation import kept
from cmx.evaluation import readouts
from cmx.evaluation import results
from cmx.evaluation import retrieval
from cmx.evaluation import runs
from cmx.evaluation.space import describe
from cmx.evaluation.space import files
from cmx.runtime import hosts
from cmx.training import checkpoint
from cmx.training import step
from cmx.training import workdir as workdir_lib

NAME = "features"  # method of embeddings, in tables


def of_run(run: checkpoint.Run, dataset: data.Dataset, workdir: pathlib.Path) -> dict[str, Any]:
  """Every read-out and measure of a run, `files.write`'s content; read where it is on disk.

  Args:
    run: trained network.
    dataset: opened and encoded as for the run.
    workdir: of the run.

  Raises:
    ValueError: as `evaluate.evaluate` and `fitted.statistics`.
  """
  with hosts.first_alone("space"):
    result = evaluate.evaluate(run, dataset, workdir)
    card = {"weights": features.digest(run.params), "data": dataset.fingerprint}
    content = files.load(workdir)
    if content is None or content["card"] != card:
      content = {"card": card, **_of_run(run, dataset, workdir, result)}
      files.write(workdir, content)
    return content


def of_words(words: Sequence[str], out: pathlib.Path) -> str:
  """Measures the runs that are named, as of `runs.evaluated`; writes and returns their read-outs.

  Raises:
    ValueError: if the only run of a folder is not trained to its end, or as of `of_run`.
  """
  measured = []
  for word in words:
    label, folder = runs.parted(word)
    folders = workdir_lib.find_runs(folder)
    for each in folders:
      run = checkpoint.load_run(each)
      if folders == [folder]:
        evaluate.check_trained(run, each)
      if run.step >= step.steps(run.config) and not (run.method.reference and len(folders) > 1):
        found = of_run(run, opening.open_data(run.config).encoded, each)
        result = results.labelled(found["result"], label) if label else found["result"]
        measured.append({**found, "result": result})
  return files.write_readouts(out, measured)


def _of_run(run: checkpoint.Run, dataset: data.Dataset, workdir: pathlib.Path,
            result: Mapping[str, Any]) -> dict[str, Any]:
  settings = run.config.evaluation
  training, statistics = (make(run, dataset, workdir)
                          for make in (fitted.training, fitted.statistics))
  own = statistics.get(settings.layer, {})
  with kept.every_layer(run, dataset, workdir) as found:
    tables, missing = describe.tables(found, features.compared(run.config), statistics)
    main, known = (retrieval.vectors(part, settings.layer, settings.readout, own)
                   for part in (found, training))
  return {"missing": missing,
          "result": {**results.run_result(result["method"], result["name"], result["seed"],
                                          run.modalities, tables, {}),
                     "recognition": result["recognition"]},
          "space": describe.describe(main, run.modalities, run.classes, known)}


def of_embeddings(given: embeddings.Given, training: embeddings.Given | None, layer: str,
                  name: str) -> tuple[dict[str, Any], retrieval.Vectors]:
  """Every read-out and measure of embeddings of others.

  Args:
    given: what is evaluated.
    training: training examples of the same model; None where there are none: only read-outs that
      need no statistics can be had then.
    layer: main one; "" takes fc7, or else the first.
    name: of the row in tables.

  Returns:
    `files.write`'s content, whose result has the main table first; the vectors of that table.

  Raises:
    ValueError: if there is no such layer, or no read-out can be had.
  """
  layers = _layers(given, layer)
  statistics = {} if training is None else {
    one: readouts.fit(training.features, one) for one in layers}
  tables, missing = describe.tables(given.features, layers, statistics)
  own = statistics.get(layers[0], {})
  main = next((table for table in tables if table.layer == layers[0]), None)
  if main is None:
    bears = ", ".join(key for key, row in readouts.READOUTS.items() if row.widths and row.pieces)
    raise ValueError(f"{missing[f'{layers[0]} cosine']}; expected one width, or training examples "
                     f"(--train) for read-outs that bear others: {bears}")
  found = retrieval.vectors(given.features, main.layer, main.readout, own)
  known = None if training is None else retrieval.vectors(training.features, main.layer,
                                                          main.readout, own)
  tables = [main, *(table for table in tables if table is not main)]
  result = results.run_result(NAME, name, 0, given.modalities, tables, {}, split="given")
  return {"card": {}, "missing": missing, "result": result,
          "space": describe.describe(found, given.modalities, given.classes, known)}, found


def _layers(given: embeddings.Given, layer: str) -> list[str]:
  """Layers to compare, the main one first; not what a classifier says."""
  there = [name for name in next(iter(given.features.values())) if name != "label"]
  if layer and layer not in there:
    raise ValueError(f"no layer {layer!r}; expected one of {', '.join(there)}")
  main = layer or ("fc7" if "fc7" in there else there[0])
  return [main, *(name for name in there if name not in (main, "fc8"))]


def main_tables(result: Mapping[str, Any]) -> dict[str, Any]:
  """A result with the tables of the first one's read-out alone: what the main table shows."""
  readout = result["tables"][0]["readout"]
  return {**result, "tables": [table for table in result["tables"] if table["readout"] == readout]}
