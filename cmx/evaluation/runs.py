"""Runs that a user names, evaluated: folders of runs and of experiments, under names of their own.

  runs/world/seed_0/c            a run
  runs/world                     an experiment: all its rows and seeds
  pixels=runs/mine               either, as rows "pixels: ..." beside those of other folders
"""

import pathlib
from collections.abc import Sequence
from typing import Any

from absl import logging

from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.evaluation import results
from cmx.files import paths
from cmx.training import checkpoint
from cmx.training import step
from cmx.training import workdir as workdir_lib


def evaluated(words: Sequence[str]) -> tuple[list[dict[str, Any]], pathlib.Path]:
  """The results of all runs that are named, and a folder for their table.

  A run is evaluated where it is not yet; of an experiment, what is not trained to its end is left
  out, and the log says so.

  Args:
    words: "FOLDER" or "NAME=FOLDER" each.

  Raises:
    FileNotFoundError: if a folder holds no run.
    ValueError: if a name is empty, a run is not trained to its end, or an experiment has none
      that is.
  """
  if not words:
    raise ValueError("no runs; expected --runs=FOLDER or --runs=NAME=FOLDER, several with commas, "
                     "or --features=FILE,FILE for embeddings of any model")
  found, first = [], None
  for word in words:
    label, folder = parted(word)
    single = workdir_lib.find_runs(folder) == [folder]
    own = [_of_run(folder)] if single else _of_experiment(folder)
    found += [results.labelled(result, label) for result in own] if label else own
    first = first or (folder if single else folder / "compared")  # not over its own table
  return found, first


def parted(word: str) -> tuple[str, pathlib.Path]:
  """Name and folder of "NAME=FOLDER"; no name where the word is a folder that holds a sign.

  Raises:
    ValueError: if there is a sign, and no name or no folder.
  """
  label, equals, folder = word.partition("=")
  if not equals or "/" in label or pathlib.Path(paths.own("--runs", word)).exists():
    return "", pathlib.Path(paths.own("--runs", word))
  if not label.strip() or not folder.strip():
    raise ValueError(f"--runs {word!r}; expected NAME=FOLDER, or FOLDER alone")
  return label.strip(), pathlib.Path(paths.own("--runs", folder.strip()))


def _of_run(folder: pathlib.Path) -> dict[str, Any]:
  if evaluate.finished(folder):
    return evaluate.load(folder)[0]
  run = checkpoint.load_run(folder)
  evaluate.check_trained(run, folder)
  return evaluate.evaluate(run, opening.open_data(run.config).encoded, folder)


def _of_experiment(folder: pathlib.Path) -> list[dict[str, Any]]:
  folders = workdir_lib.find_runs(folder)
  if not folders:
    raise FileNotFoundError(f"no run in {folder}; expected a work directory of launch.train or "
                            "launch.reproduce")
  found, left_out = [], []
  for each in folders:
    trained = checkpoint.latest_step(each) is not None
    run = checkpoint.load_run(each, params=False) if trained else None
    if run is None or run.step < step.steps(run.config):
      left_out.append(str(each))
    elif not run.method.reference:
      found.append(_of_run(each))
  if not found:
    raise ValueError(f"no row of {folder} is trained to its end; run the command that trains it "
                     "again, it goes on where it stopped")
  if left_out:
    logging.warning("Left out, since not trained to the end: %s", ", ".join(left_out))
  return found
