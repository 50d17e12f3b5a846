"""A run small enough for tests: three modalities of 32 pixels, two examples a category."""

import math
import pathlib

import jax
import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx import fields
from cmx import methods
from cmx.alignment import given
from cmx.alignment import prototypes
from cmx.data import opening
from cmx.mixture import gmm
from cmx.network import model
from cmx.training import checkpoint

CLASSES = 24
FIELDS = {
  "data.world.image_size": 32, "data.world.natural": 2, "data.world.clipart": 2,
  "data.world.spatial_text": 2, "data.world.drawing": 2, "data.world.description": 2,
  "data.world.validation_natural": 1, "data.world.validation_other": 1,
  "data.modalities": ("natural", "drawing", "description"),
  "network.channels": (4, 4, 4, 4), "network.hidden": (8,), "network.trunk": 16,
  "optimizer.steps": 6, "optimizer.batch": 16, "reference.steps": 4, "reference.batch": 16,
  "mixture.components": 2, "mixture.iterations": 2, "log.metrics_steps": 1, "evaluation.batch": 24,
}


def config(root: pathlib.Path, method: str = "c", **changes) -> config_lib.Config:
  """A config with these fields; `changes` are more, with __ for the dot."""
  return fields.replace(config_lib.Config(), _fields(root, method, changes))


def flags(root: pathlib.Path, method: str = "c", **changes) -> list[str]:
  """The same as command-line flags."""
  return [f"--config.{name}={value}" for name, value in _fields(root, method, changes).items()]


def _fields(root, method, changes):
  return FIELDS | {"data.root": str(root), "method": method} | {
    name.replace("__", "."): value for name, value in changes.items()}


# A modality of each kind: two thirds of the time to compile.
TWO = {"data__modalities": ("natural", "description")}


def dataset(root: pathlib.Path, **changes) -> data.Dataset:
  """The data set of `config`, prepared and encoded."""
  settings = config(root, **changes)
  data.prepare(settings.data)
  return opening.open_data(settings).encoded


def constants(width: int = 16, method: str = "c") -> given.Constants:
  """Statistics for fc6 and fc7, and codes of classes, that no fitting is needed for."""
  rng, row = np.random.default_rng(0), methods.named(method)
  mixtures = {layer: gmm.Mixture(
    np.array([0.25, 0.75], np.float32), rng.random((2, width), np.float32),
    1.0 + rng.random((2, width), np.float32)) for layer in ("fc6", "fc7")}
  share = np.eye(2, dtype=np.float32)[np.arange(CLASSES) % 2]
  statistics = {layer: given.Statistics(mixture, share if row.statistics in methods.BY_CLASS
                                        else None) for layer, mixture in mixtures.items()}
  return given.Constants(statistics if row.statistics else {},
                         prototypes.random_codes(CLASSES, width, 0) if row.codes else None)


def untrained(rows: model.Modalities, method: str, classes: tuple[str, ...]) -> checkpoint.Run:
  """A run of random parameters, made without compiling anything."""
  settings = fields.replace(config_lib.Config(), {**FIELDS, "method": method})
  shapes = jax.eval_shape(lambda key: model.init(
    key, rows, methods.named(method), settings.network, len(classes)), jax.random.key(0))
  rng = np.random.default_rng(0)
  params = jax.tree.map(lambda x: (  # sums over inputs keep their size
    rng.normal(0, math.prod(x.shape[:-1]) ** -0.5, x.shape).astype(np.float32)), shapes)
  return checkpoint.Run(settings, classes, tuple(rows), params, 0)
