"""Training a generator: a run's own features of the reference modality in, the pictures out.

The network that gives the features is fixed; the loss is the squared error in image space and,
where the config asks, in the activations of the re-encoded picture.
"""

import dataclasses
import pathlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cmx import config as config_lib
from cmx import data
from cmx.analysis.inversion import generator
from cmx.analysis.inversion import plan as plan_lib
from cmx.data import batches
from cmx.evaluation import features as features_lib
from cmx.network import model
from cmx.network import towers
from cmx.runtime import devices
from cmx.training import checkpoint
from cmx.training import loop
from cmx.training import workdir as workdir_lib

_AVERAGED = 2_000  # training pictures whose mean is the mean picture, at most
_CLIP = 1.0  # global norm of the gradient


def folder_of(workdir: pathlib.Path, layer: str) -> pathlib.Path:
  """Where the generator of a run's layer is kept, and what it makes."""
  return pathlib.Path(workdir) / "inversion" / layer


def gallery(plan: plan_lib.Plan, folder: pathlib.Path) -> Mapping[str, np.ndarray]:
  """Training examples of the reference modality: {layer: [G, D], "fc8": [G, C], "label": [G]}."""
  features = features_lib.extract(
    plan.reader, plan.dataset, data.TRAIN, [plan.settings.layer, "fc8"], folder / "gallery",
    batch=plan.run.config.evaluation.batch, limit=plan.settings.gallery)
  return features[plan.reference.name]


def statistics(plan: plan_lib.Plan, examples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """What features and pictures are measured against; see `generator.apply`.

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
  rng = np.random.default_rng([config.seed, step, zlib.crc32(b"generator")])
  source = plan.dataset.splits[data.TRAIN][reference.name]
  rows = rng.integers(len(source), size=plan.settings.batch)
  images = np.stack([plan.picture(data.TRAIN, row) for row in rows])
  if plan.encoded:
    return {"image": images, "input": np.stack([source[int(row)]["input"] for row in rows])}
  images = batches.images(rng, images, reference.mirror, config.augment)
  return {"image": images, "input": images}


def optimizer(settings: config_lib.Inversion) -> optax.GradientTransformation:
  """Adam with clipping, a short linear warm-up and cosine decay to zero."""
  warmup = min(50, settings.steps // 2)
  schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, warmup, settings.steps)
  return optax.chain(optax.clip_by_global_norm(_CLIP), optax.adam(schedule))


def _make_step(plan: plan_lib.Plan, transform: optax.GradientTransformation) -> Callable:
  """The pmapped step: (state, batch, params of the reader) -> (state, metrics)."""
  settings, modality = plan.settings, plan.reference
  method, network = plan.run.method, plan.run.config.network

  def read(params, x):
    return model.apply(params, x, modality, method, network)

  def loss(trainable, frozen, params, batch):
    given = read(params, batch["input"])
    images = generator.apply({**frozen, **trainable}, given[settings.layer], plan.layout,
                             plan.features)
    error = jnp.mean((images - towers.scale_pixels(batch["image"])) ** 2)
    metrics, total = {"loss/image": error}, settings.image_weight * error
    if settings.perceptual_weight:
      target, layer = given[settings.perceptual_layer], settings.perceptual_layer
      distance = jnp.sum((read(params, images)[layer] - target) ** 2)
      relative = distance / jnp.maximum(jnp.sum(target ** 2), 1e-6)  # all of a batch can be dead
      metrics["loss/perceptual"] = relative
      total = total + settings.perceptual_weight * relative
    return total, {"loss": total, **metrics}

  def step(state, batch, params):
    gradient, metrics = jax.grad(loss, has_aux=True)(state.trainable, state.frozen, params, batch)
    gradient, metrics = devices.mean((gradient, metrics))
    updates, new = transform.update(gradient, state.optimizer, state.trainable)
    metrics["gradient_norm"] = optax.tree.norm(gradient)
    trainable = optax.apply_updates(state.trainable, updates)
    return loop.State(state.step + 1, trainable, state.frozen, new), metrics

  return devices.pmap(step, batch_argnum=1, arguments=3, donate=(0,))


def train(plan: plan_lib.Plan, folder: pathlib.Path) -> dict[str, Any]:
  """The trained parameters of the plan's generator: read, gone on with, or trained from nothing.

  Args:
    plan: see `plan.plan`.
    folder: of the generator, see `folder_of`; must be of these settings or not exist.

  Returns:
    See `generator.apply`.

  Raises:
    ValueError: if the batch does not fit the devices, or the folder is of other settings.
    FloatingPointError: if the loss is not finite (see `loop.run`).
    signals.Stopped: when told to stop, with the state saved.
  """
  settings, run = plan.settings, plan.run
  devices.check_batch(settings.batch)
  # what has no part in the training may differ between two uses of a generator
  defaults = config_lib.Inversion()
  own = dataclasses.replace(settings, categories=defaults.categories,
                            optimisation=defaults.optimisation)
  config = dataclasses.replace(run.config, rows={}, inversion=own)
  folder = workdir_lib.claim(folder, config)
  if known := checkpoint.trained(folder, settings.steps):
    return known.params
  key = jax.random.fold_in(jax.random.key(run.config.seed), zlib.crc32(settings.layer.encode()))
  params = jax.jit(lambda key: generator.init(key, plan.layout, plan.features, plan.size))(key)
  transform = optimizer(settings)
  network = devices.replicate(plan.reader.params)
  card = checkpoint.card(config, run.classes, plan.reader.modalities, plan.dataset.fingerprint)
  constants = statistics(plan, gallery(plan, folder))
  with (workdir_lib.locked(folder),
        checkpoint.Checkpoints(folder, run.config.log.keep) as checkpoints):
    state = loop.resume(loop.begin(0, {"generator": params}, {"statistics": constants}, transform),
                        checkpoints)
    step = _make_step(plan, transform)
    job = loop.Job(
      f"generator of {settings.layer}", settings.steps,
      lambda index: devices.shard(batch_at(plan, index)), folder, run.config.log,
      save=lambda state: loop.save(state, checkpoints, card), examples=settings.batch)
    state = loop.run(job, lambda state, batch: step(state, batch, network), state)
    checkpoints.wait()
  return jax.device_get(state.params)
