"""Training a decoder: a run's own features of the reference modality in, the pictures out.

What it is trained by is in `objective`. What makes pictures is the moving average of its weights.
"""

import dataclasses
import pathlib
import zlib
from collections.abc import Mapping
from typing import Any

from absl import logging
import jax
import numpy as np
import optax

from cmx import config as config_lib
from cmx import data
from cmx.analysis.inversion import decoder
from cmx.analysis.inversion import objective
from cmx.analysis.inversion import plan as plan_lib
from cmx.data import batches
from cmx.evaluation import features as features_lib
from cmx.runtime import devices
from cmx.runtime import speed
from cmx.training import checkpoint
from cmx.training import health
from cmx.training import loop
from cmx.training import workdir as workdir_lib

_AVERAGED = 2_000  # training pictures whose mean is the mean picture, at most
_STEP_S = 0.29  # seconds of a step on pictures of 64 pixels, measured as `speed.slower` says
_OF_USE = ("drawing", "guidance", "pull", "pulls", "examples", "categories", "optimisation")
_WEIGHTS = "inverts"  # key of the digest of the run's weights in a checkpoint's card


def folder_of(workdir: pathlib.Path, layer: str) -> pathlib.Path:
  """Where the decoder of a run's layer is kept, and what it makes."""
  return pathlib.Path(workdir) / "inversion" / layer


def gallery(plan: plan_lib.Plan, folder: pathlib.Path) -> Mapping[str, np.ndarray]:
  """Training examples of the reference modality: {layer: [G, D], "fc8": [G, C], "label": [G]}."""
  features = features_lib.extract(
    plan.reader, plan.dataset, data.TRAIN, [plan.settings.layer, "fc8"], folder / "gallery",
    batch=plan.run.config.evaluation.batch, limit=plan.settings.gallery)
  return features[plan.reference.name]


def statistics(plan: plan_lib.Plan, examples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """What features and pictures are measured against; see `decoder.apply`.

  Returns:
    {"mean": [D], "scale": [], "image": [H, W, 3] in [-1, 1]} of the gallery's examples.
  """
  x = examples[plan.settings.layer]
  mean = np.mean(x, axis=0, dtype=np.float64)
  scale = np.sqrt(np.mean(np.square(x[:_AVERAGED] - mean)))
  rows = features_lib.order(len(plan.pictures.splits[data.TRAIN][plan.reference.name]))[:_AVERAGED]
  image = np.mean([plan.picture(data.TRAIN, row) for row in rows], axis=0) / 127.5 - 1
  return {"mean": mean.astype(np.float32), "scale": np.float32(max(scale, 1e-6)),  # a dead layer
          "image": image.astype(np.float32)}


def batch_at(plan: plan_lib.Plan, step: int) -> dict[str, np.ndarray]:
  """The batch of a step: pictures at random, and what the run's tower reads of them.

  Pictures that the tower reads itself are varied as in the run's own training.

  Returns:
    {"image": uint8 [batch, H, W, 3], "input": the same, or float32 [batch, E] of a frozen encoder}.
  """
  config, reference = plan.run.config, plan.reference
  rng = np.random.default_rng([config.seed, step, zlib.crc32(b"decoder")])
  source = plan.dataset.splits[data.TRAIN][reference.name]
  rows = rng.integers(len(source), size=plan.settings.batch)
  images = np.stack([plan.picture(data.TRAIN, row) for row in rows])
  if plan.encoded:
    return {"image": images, "input": np.stack([source[int(row)]["input"] for row in rows])}
  images = batches.images(rng, images, reference.mirror, config.augment)
  return {"image": images, "input": images}


def train(plan: plan_lib.Plan, folder: pathlib.Path) -> dict[str, Any]:
  """The trained parameters of the plan's decoder: read, gone on with, or trained from nothing.

  Args:
    plan: see `plan.plan`.
    folder: of the decoder, see `folder_of`; must be of these settings or not exist.

  Returns:
    See `decoder.apply`.

  Raises:
    ValueError: if the batch does not fit the devices, or the folder is of other settings or of
      another run's weights.
    FloatingPointError: if a loss is not finite (see `loop.run`).
    signals.Stopped: when told to stop, with the state saved.
  """
  settings, run = plan.settings, plan.run
  devices.check_batch(settings.batch)
  # what has no part in the training may differ between two uses of a decoder
  defaults = config_lib.Inversion()
  own = dataclasses.replace(settings, **{name: getattr(defaults, name) for name in _OF_USE})
  config = dataclasses.replace(run.config, rows={}, inversion=own)
  folder = workdir_lib.claim(folder, config)
  weights = features_lib.digest(run.params)
  _check_weights(folder, weights)
  if known := checkpoint.trained(folder, settings.steps):
    return _drawn(known.params)
  left = settings.steps - (checkpoint.latest_step(folder) or 0)
  logging.info("Decoder of %s, %d steps: %s", settings.layer, left, speed.about(
    left * _STEP_S * (plan.size / 64) ** 2))
  transform = objective.optimizer(settings)
  constants = statistics(plan, gallery(plan, folder))
  card = {**checkpoint.card(config, run.classes, plan.reader.modalities, plan.dataset.fingerprint),
          _WEIGHTS: weights}
  with (workdir_lib.locked(folder),
        checkpoint.Checkpoints(folder, run.config.log.keep) as checkpoints):
    state = loop.resume(_begin(plan, constants, transform), checkpoints)
    job = loop.Job(
      f"decoder of {settings.layer}", settings.steps,
      lambda index: devices.shard(batch_at(plan, index)), folder, run.config.log,
      save=lambda state: loop.save(state, checkpoints, card), examples=settings.batch,
      watch=health.watch(f"decoder of {settings.layer}"))
    network, step = devices.replicate(plan.reader.params), objective.make_step(plan, transform)
    state = loop.run(job, lambda state, batch: step(state, batch, network), state)
    checkpoints.wait()
  return _drawn(jax.device_get(state.params))


def _begin(plan: plan_lib.Plan, constants: Mapping[str, np.ndarray],
           transform: optax.GradientTransformation) -> loop.State:
  settings, seed = plan.settings, plan.run.config.seed
  key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(settings.layer.encode()))
  fresh = jax.jit(lambda key: decoder.init(key, settings.maps, settings.depth,
                                           len(constants["mean"]), plan.size))(key)
  return loop.begin(0, {"decoder": fresh}, {"statistics": constants, "average": fresh}, transform)


def _drawn(params: Mapping[str, Any]) -> dict[str, Any]:
  """What draws pictures, of all that is kept: the averaged weights."""
  return {"decoder": params["average"], "statistics": params["statistics"]}


def _check_weights(folder: pathlib.Path, weights: str) -> None:
  """Checks that the decoder in a folder, if there is one, was made for these weights of a run."""
  step = checkpoint.latest_step(folder)
  if step is None:
    return
  with checkpoint.Checkpoints(folder) as checkpoints:
    found = checkpoints.card(step).get(_WEIGHTS, "unknown")
  if found != weights:
    raise ValueError(f"{folder} holds a decoder for other weights of the run (asked for | found "
                     f"there): {weights} | {found}. Remove this folder: it is trained anew")
