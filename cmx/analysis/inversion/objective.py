"""One step of a decoder's training: noisy pictures, what they are, and the moving average."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from cmx import config as config_lib
from cmx.analysis.inversion import decoder
from cmx.analysis.inversion import flow
from cmx.analysis.inversion import plan as plan_lib
from cmx.network import towers
from cmx.runtime import devices
from cmx.training import loop

_CLIP = 1.0  # global norm of the gradient
_MEMORY, _DECAY = 0.99, 0.01  # of AdamW: squared gradients shrink fast in short training
_WARMUP = 100  # steps, at most half


def optimizer(settings: config_lib.Inversion) -> optax.GradientTransformation:
  """AdamW with clipping, a short linear warm-up and cosine decay to zero."""
  schedule = optax.warmup_cosine_decay_schedule(
    0.0, settings.learning_rate, min(_WARMUP, settings.steps // 2), max(settings.steps, 1))
  return optax.chain(optax.clip_by_global_norm(_CLIP),
                     optax.adamw(schedule, b2=_MEMORY, weight_decay=_DECAY))


def make_step(plan: plan_lib.Plan, transform: optax.GradientTransformation) -> Callable:
  """The pmapped step: (state, batch, params of the reader) -> (state, metrics).

  Args:
    plan: see `plan.plan`.
    transform: of `optimizer`.
  """
  settings, seed = plan.settings, plan.run.config.seed

  def step(state, batch, network):
    images, read = towers.scale_pixels(batch["image"]), plan_lib.read(plan, network, batch["input"])
    x = decoder.standardised(state.frozen["statistics"], read[settings.layer])
    key = jax.random.fold_in(jax.random.key(seed), state.step)
    given = flow.noisy(devices.example_keys(key, len(images)), images, settings.withheld)

    def loss(trainable):
      found = decoder.apply(trainable["decoder"], given.z, given.times, x, given.known,
                            settings.maps, settings.depth)
      return jnp.mean(flow.loss(found, images, given.times)), jnp.mean((found - images) ** 2)

    (value, error), gradient = jax.value_and_grad(loss, has_aux=True)(state.trainable)
    gradient, metrics = devices.mean((gradient, {"loss": value, "loss/image": error}))
    metrics["gradient_norm"] = optax.tree.norm(gradient)
    return updated(state, gradient, transform, settings.average), metrics

  return devices.pmap(step, batch_argnum=1, arguments=3, donate=(0,))


def updated(state: loop.State, gradient: Mapping[str, Any],
            transform: optax.GradientTransformation, average: float) -> loop.State:
  """The state after a step; the moving average begins with the first weights and forgets them."""
  updates, optimizer_state = transform.update(gradient, state.optimizer, state.trainable)
  trainable = optax.apply_updates(state.trainable, updates)
  kept = jnp.minimum(average, (1 + state.step) / (10 + state.step))
  mean = jax.tree.map(lambda old, new: kept * old + (1 - kept) * new, state.frozen["average"],
                      trainable["decoder"])
  return loop.State(state.step + 1, trainable, {**state.frozen, "average": mean}, optimizer_state)
