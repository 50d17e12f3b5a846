"""Runs of `tiny` that were never trained: in memory, and on disk as training leaves them."""

import dataclasses
import pathlib

import jax
import numpy as np

import tiny
from cmx import config as config_lib
from cmx import methods
from cmx.data import opening
from cmx.network import model
from cmx.training import checkpoint
from cmx.training import workdir


def run(root: pathlib.Path, method: str = "c", seed: int = 0) -> checkpoint.Run:
  """A run on the data set that `tiny.dataset(root)` has prepared."""
  return of(dataclasses.replace(tiny.config(root, method), seed=seed))


def of(config: config_lib.Config) -> checkpoint.Run:
  """A run of any config whose data set is prepared."""
  method = config.method
  dataset, row = opening.open_data(config).encoded, methods.named(method)
  rows = dataset.modalities[:1] if row.reference else dataset.modalities
  params = jax.jit(lambda key: model.init(key, rows, row, config.network,
                                          len(dataset.classes)))(jax.random.key(config.seed))
  return checkpoint.Run(config, dataset.classes, rows, jax.device_get(params), 3)


def write(folder: pathlib.Path, root: pathlib.Path, method: str = "c", seed: int = 0) -> None:
  """The same run in a work directory of its own."""
  keep(folder, run(root, method, seed))


def keep(folder: pathlib.Path, made: checkpoint.Run) -> None:
  """Writes a run into a work directory."""
  workdir.claim(folder, made.config)
  with checkpoint.Checkpoints(folder, keep=1) as checkpoints:
    checkpoints.save(made.step, made.params, {"count": np.zeros(1)},
                     checkpoint.card(made.config, made.classes, made.modalities))
    checkpoints.wait()
