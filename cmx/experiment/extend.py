"""A modality added to a finished run: a new run of all its modalities, the old parameters in it.

The new run is one like any other. Its config says what was added, from where, and to which weights
(`config.extension`, `config.data.added`); statistics that the terms need are those of the finished
run's own activations, since that is where the new modality has to arrive:

  <workdir>/{config.json, checkpoints/, metrics.jsonl, features/, result.json, table.txt ...}
  <workdir>/mixtures/        of the host's activations under the finished trunk
"""

import dataclasses
import pathlib
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx import modalities as modalities_lib
from cmx.alignment import given
from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.evaluation import features
from cmx.evaluation import validation
from cmx.experiment import codes
from cmx.experiment import mixtures
from cmx.experiment import preflight
from cmx.runtime import hosts
from cmx.training import checkpoint
from cmx.training import extension
from cmx.training import step
from cmx.training import train
from cmx.training import workdir as workdir_lib

NONE = "none"  # instead of a row: cross entropy alone

# Fields that may differ from the finished run's; all others say what its parameters are.
_FREE = ("optimizer.", "augment.", "mixture.", "alignment.", "evaluation.", "log.",
         "data.folders.damaged", "data.folders.written")


class Asked(NamedTuple):
  """What is to be added, and how.

  Attributes:
    modality: its name.
    root: of its folders; None where it is in the run's own data set.
    terms: row whose terms are added, or `NONE`; "" for the run's own.
    trunk: modality whose trunk it feeds; "" for the reference.
  """

  modality: str
  root: pathlib.Path | None = None
  terms: str = ""
  trunk: str = ""


class Extended(NamedTuple):
  """The new run, its result as of `results.run_result`, and {parameters: digest} kept in it."""

  run: checkpoint.Run
  result: dict[str, Any]
  digests: dict[str, str]


def config_of(run: checkpoint.Run, workdir: pathlib.Path, config: config_lib.Config,
              asked: Asked) -> config_lib.Config:
  """The config of the extended run.

  Args:
    run: finished.
    workdir: its work directory.
    config: the run's, with other values where the new modality is to be trained otherwise.
    asked: what is added.

  Raises:
    ValueError: if the run is not finished, is a reference network or has such a modality already,
      or the config changes what its parameters depend on.
  """
  steps = step.steps(run.config)
  if run.step != steps:
    raise ValueError(f"{workdir} is not finished: {run.step} of {steps} steps are done. Run the "
                     "command that trained it again")
  if run.method.reference:
    raise ValueError(f"{workdir} is a reference network, which rows start from; expected a run of "
                     "a row: launch.train with --config.method=a_tune keeps its trunk")
  known = next((row.name for row in run.modalities if asked.modality in (row.name, row.code)), "")
  if known:
    raise ValueError(f"{workdir} has modality {known!r} already; expected another than "
                     f"{', '.join(row.name for row in run.modalities)}")
  other = [line for line in fields.difference(config, run.config) if not line.startswith(_FREE)]
  if other:
    raise ValueError(f"what {workdir} was trained with stays (asked for | there):\n  "
                     + "\n  ".join(other) + f"\nOf its config {', '.join(_FREE)} may change.")
  if asked.terms not in ("", NONE):
    methods.named(asked.terms)
  added = tuple(entry.partition("=")[0] for entry in config.data.added)
  size = next((row.shape[0] for row in run.modalities if len(row.shape) == 3),
              config.data.folders.image_size)
  root = asked.root.absolute() if asked.root else ""
  folders = dataclasses.replace(config.data.folders, image_size=size)
  if config.data.name == "folders":
    folders.reference = run.modalities[0].name  # whatever there is in the folders by now
  return dataclasses.replace(
    config, data=dataclasses.replace(
      config.data, folders=folders,
      modalities=tuple(row.name for row in run.modalities if row.name not in added),
      added=(*config.data.added, f"{asked.modality}={root}")),
    extension=config_lib.Extension(asked.modality, str(workdir.absolute()),
                                   features.digest(run.params), asked.terms, asked.trunk))


def extend(config: config_lib.Config, run: checkpoint.Run, workdir: pathlib.Path) -> Extended:
  """Trains a modality against a finished run, or reads it, and evaluates all pairs.

  `config` is of `config_of`, and `workdir` of the extended run.

  Raises:
    ValueError: if the data do not go with the run, the terms cannot be had, or the work directory
      is another run's; before anything is trained.
  """
  workdir_lib.check_workdir(workdir, config)
  dataset = opening.open_data(config).encoded
  features.check(run, dataset, data.TRAIN)
  new = modalities_lib.of_name(dataset.modalities, config.extension.modality)
  source = extension.host(config, run)
  row = _row_of_terms(config)
  settings = dataclasses.replace(config, method=row or config.method)
  preflight.check(settings)
  preflight.check_data(settings, dataset._replace(modalities=(source, new)))
  _tell_missing(config, dataset, new)
  plan = extension.plan(config, run, new, methods.named(row).terms if row else ())
  if checkpoint.latest_step(workdir) == step.steps(config):
    found = checkpoint.load_run(workdir)
  else:
    with hosts.first_alone("claim"):
      workdir_lib.claim(workdir, config)  # before statistics are written there
    constants = _constants(settings, run, source, dataset, workdir) if row else given.Constants()
    trained = dataset._replace(modalities=plan.trained)
    visible, judge = validation.held_out(config, trained)
    found = train.run(config, visible._replace(modalities=dataset.modalities), workdir, constants,
                      plan, validation.watcher(config, trained), judge)
  return Extended(found, evaluate.evaluate(found, dataset, workdir), kept(run, found))


def _row_of_terms(config: config_lib.Config) -> str:
  """The row whose terms are added; "" for none."""
  asked = config.extension.terms or config.method
  return "" if asked == NONE else asked


def _constants(settings: config_lib.Config, run: checkpoint.Run, source: modalities_lib.Modality,
               dataset: data.Dataset, workdir: pathlib.Path) -> given.Constants:
  """What the terms need, of the finished run and the examples that it was trained on."""
  names = [row.name for row in run.modalities]
  seen = dataset._replace(modalities=(source,), splits={
    split: {name: sources[name] for name in names} for split, sources in dataset.splits.items()})
  with hosts.first_alone("mixtures"):
    found = mixtures.needed(settings, checkpoint.of_modality(run, source), seen, workdir)
  return given.Constants({layer: needed.statistics for layer, needed in found.items()},
                         codes.needed(settings, seen))


def _tell_missing(config: config_lib.Config, dataset: data.Dataset,
                  new: modalities_lib.Modality) -> None:
  """Says which classes no training example of the new modality shows."""
  shown = {*np.unique(dataset.splits[data.TRAIN][new.name].labels).tolist(),
           *evaluate.unseen(config, dataset).tolist()}
  missing = [name for label, name in enumerate(dataset.classes) if label not in shown]
  if missing:
    logging.warning("%s has no training examples of %d of %d classes: %s", new.name, len(missing),
                    len(dataset.classes), ", ".join(missing))


def kept(before: checkpoint.Run, after: checkpoint.Run) -> dict[str, str]:
  """{"layer/owner": digest} of all parameters of a run, which another one has to the bit.

  Raises:
    ValueError: if it has not.
  """
  found = {}
  for layer, owners in before.params.items():
    for name, tree in owners.items():
      digest = features.digest({layer: {name: tree}})
      theirs = features.digest({layer: {name: after.params[layer][name]}})
      if digest != theirs:
        raise ValueError(f"parameters {layer}/{name} are {theirs} in the extended run; expected "
                         f"{digest}, as in the finished one: it was trained again, or a file is "
                         "damaged")
      found[f"{layer}/{name}"] = digest
  return found
