"""What a generator is trained by, and one step of it.

  image        squared error in image space
  activations  relative squared error in the run's own activations of the picture, read again: in
               every layer from pool5 to `perceptual_layer`, and in the layer that is inverted
  adversarial  a discriminator's preference for the real picture

Each has a weight in the config, and its share of the gradient in the log. The network that gives
the features is fixed.

Source: Dosovitskiy and Brox 2016, generating images with perceptual similarity metrics.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from cmx import config as config_lib
from cmx.analysis.inversion import discriminator
from cmx.analysis.inversion import generator
from cmx.analysis.inversion import optimise
from cmx.analysis.inversion import plan as plan_lib
from cmx.network import model
from cmx.network import towers
from cmx.runtime import devices
from cmx.training import loop

_CLIP = 1.0  # global norm of a network's gradient
_MOMENTUM = 0.5  # of Adam: an adversary's gradient soon points elsewhere

Judge = Callable[[jax.Array], tuple[jax.Array, dict[str, jax.Array]]]


def optimizer(settings: config_lib.Inversion) -> optax.GradientTransformation:
  """Adam with clipping, a short linear warm-up and cosine decay to zero, for each network alone.

  The discriminator's steps are counted from its own start. Of {name: tree}, only what is given is
  updated; the state is {name: state}.
  """
  def of_network(steps):
    schedule = optax.warmup_cosine_decay_schedule(0.0, settings.learning_rate, min(50, steps // 2),
                                                  max(steps, 1))
    return optax.chain(optax.clip_by_global_norm(_CLIP), optax.adam(schedule, b1=_MOMENTUM))

  networks = {"generator": of_network(settings.steps),
              "discriminator": of_network(settings.steps - adversarial_from(settings))}

  def update(gradients, state, params=None):
    del params
    found = {name: networks[name].update(tree, state[name]) for name, tree in gradients.items()}
    return ({name: updates for name, (updates, _) in found.items()},
            {**state, **{name: new for name, (_, new) in found.items()}})

  return optax.GradientTransformation(
    lambda params: {name: networks[name].init(tree) for name, tree in params.items()}, update)


def adversarial_from(settings: config_lib.Inversion) -> int:
  """The step that the discriminator begins at; all of them are before it where it has no weight."""
  return round(settings.adversarial_start * settings.steps) if settings.adversarial_weight else (
    settings.steps)


def make_step(plan: plan_lib.Plan, transform: optax.GradientTransformation,
              adversarial: bool) -> Callable:
  """The pmapped step: (state, batch, params of the reader) -> (state, metrics).

  Args:
    plan: see `plan.plan`.
    transform: of `optimizer`.
    adversarial: whether there is a discriminator yet.
  """
  settings = plan.settings

  def step(state, batch, network):
    given, real = _read(plan, network, batch["input"]), towers.scale_pixels(batch["image"])
    statistics = state.frozen["statistics"]
    images, pull = jax.vjp(lambda tree: generator.apply(
      {"generator": tree, "statistics": statistics}, given[settings.layer], plan.layout,
      plan.features), state.trainable["generator"])
    judges = _judges(plan, network, given, real)
    gradients, more = {}, {}
    if adversarial:
      features = generator.standardised(statistics, given[settings.layer])
      judges["adversarial"] = _adversary(settings, state.trainable["discriminator"], real, features)
      gradients["discriminator"], more = _of_discriminator(
        plan, state, real, jax.lax.stop_gradient(images), features)
    gradient, metrics = _judged(judges, images)
    gradients["generator"], = pull(gradient)
    metrics["loss"] += more.get("loss/discriminator", 0.0)
    gradients, metrics = devices.mean((gradients, {**metrics, **more}))
    metrics["gradient_norm"] = optax.tree.norm(gradients["generator"])
    return _updated(state, gradients, transform, settings.average), metrics

  return devices.pmap(step, batch_argnum=1, arguments=3, donate=(0,))


def _read(plan: plan_lib.Plan, network: model.Params, x: jax.Array) -> dict[str, Any]:
  return model.apply(network, x, plan.reference, plan.run.method, plan.run.config.network)


def _judges(plan: plan_lib.Plan, network: model.Params, given: Mapping[str, jax.Array],
            real: jax.Array) -> dict[str, Judge]:
  """What judges pictures: each (images [B, H, W, 3]) -> (weighted loss [], metrics)."""
  settings, judges = plan.settings, {}

  def image(images):
    error = jnp.mean((images - real) ** 2)
    return settings.image_weight * error, {"loss/image": error}

  def activations(images):
    found = _read(plan, network, images)
    errors = {layer: jnp.mean(optimise.match(layer, given[layer])(found)) for layer in compared}
    return (sum(compared[layer] * error for layer, error in errors.items()),
            {f"loss/{layer}": error for layer, error in errors.items()})

  if settings.image_weight:
    judges["image"] = image
  if compared := plan_lib.compared(settings):
    judges["activations"] = activations
  return judges


def _adversary(settings: config_lib.Inversion, params: Mapping[str, Any], real: jax.Array,
               features: jax.Array) -> Judge:
  of_real = discriminator.apply(params, real, features, settings.discriminator)

  def adversarial(images):
    of_fake = discriminator.apply(params, images, features, settings.discriminator)
    error = jnp.mean(jax.nn.softplus(of_real - of_fake))
    return settings.adversarial_weight * error, {"loss/adversarial": error}

  return adversarial


def _judged(judges: Mapping[str, Judge], images: jax.Array
            ) -> tuple[jax.Array, dict[str, jax.Array]]:
  """The gradient of all judges by the images, and metrics, with each one's share of it."""
  gradients, metrics, total = {}, {}, jnp.zeros(())
  for name, judge in judges.items():
    (value, more), gradients[name] = jax.value_and_grad(judge, has_aux=True)(images)
    total, metrics = total + value, {**metrics, **more}
  norms = {name: jnp.linalg.norm(gradient) for name, gradient in gradients.items()}
  whole = jnp.maximum(sum(norms.values()), 1e-30)  # all can be zero
  shares = {f"share/{name}": norm / whole for name, norm in norms.items()}
  return sum(gradients.values()), {"loss": total, **metrics, **shares}


def _of_discriminator(plan: plan_lib.Plan, state: loop.State, real: jax.Array, fake: jax.Array,
                      features: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
  """The gradient of the discriminator's own loss, and its metrics."""
  settings, key = plan.settings, jax.random.key(plan.run.config.seed)
  keys = devices.example_keys(jax.random.fold_in(key, state.step), len(real))
  noise = jax.vmap(lambda key: jax.random.normal(key, real.shape[1:]))(keys)

  def loss(params):
    found = discriminator.verdict(params, real, fake, features, noise, settings.discriminator)
    return found.loss + settings.adversarial_penalty * found.slope, found

  gradient, found = jax.grad(loss, has_aux=True)(state.trainable["discriminator"])
  return gradient, {"loss/discriminator": found.loss, "discriminator/right": found.right,
                    "discriminator/slope": found.slope}


def _updated(state: loop.State, gradients: Mapping[str, Any],
             transform: optax.GradientTransformation, average: float) -> loop.State:
  """The state after a step; the moving average begins with the first weights and forgets them."""
  updates, optimizer_state = transform.update(gradients, state.optimizer, None)
  trainable = {**state.trainable, **optax.apply_updates(
    {name: state.trainable[name] for name in updates}, updates)}
  kept = jnp.minimum(average, (1 + state.step) / (10 + state.step))
  mean = jax.tree.map(lambda old, new: kept * old + (1 - kept) * new, state.frozen["average"],
                      trainable["generator"])
  return loop.State(state.step + 1, trainable, {**state.frozen, "average": mean}, optimizer_state)
