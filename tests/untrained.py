"""Runs of `tiny` that were never trained: in memory, and on disk as training leaves them."""

import dataclasses
import pathlib

import jax
import numpy as np

import tiny
from cmx import methods
from cmx.data import opening
from cmx.network import model
from cmx.training import checkpoint
from cmx.training import workdir


def run(root: pathlib.Path, method: str = "c", seed: int = 0) -> checkpoint.Run:
  """A run on the data set that `tiny.dataset(root)` has prepared."""
  config = dataclasses.replace(tiny.config(root, method), seed=seed)
  dataset, row = opening.open_data(config).encoded, methods.named(method)
  rows = dataset.modalities[:1] if row.reference else dataset.modalities
  params = jax.jit(lambda key: model.init(key, rows, row, config.network,
                                          len(dataset.classes)))(jax.random.key(seed))
  return checkpoint.Run(config, dataset.classes, rows, jax.device_get(params), 3)


def write(folder: pathlib.Path, root: pathlib.Path, method: str = "c", seed: int = 0) -> None:
  """The same run in a work directory of its own."""
  made = run(root, method, seed)
  workdir.claim(folder, made.config)
  with checkpoint.Checkpoints(folder, keep=1) as checkpoints:
    checkpoints.save(made.step, made.params, {"count": np.zeros(1)},
                     checkpoint.card(made.config, made.classes, made.modalities))
    checkpoints.wait()
