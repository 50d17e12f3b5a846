"""Pictures by optimisation, for single features and for units of a run's layer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cmx import config as config_lib
from cmx import methods
from cmx import modalities as modalities_lib
from cmx.analysis.inversion import generator
from cmx.analysis.inversion import optimise
from cmx.analysis.inversion import plan as plan_lib
from cmx.network import model
from cmx.runtime import progress


_GENERATOR = "generator"  # what is changed is its input
# Units have no features to give to a generator: waves are changed.
PARAMETERISATIONS = {_GENERATOR: optimise.fourier, **optimise.PARAMETERISATIONS}


class Units(NamedTuple):
  """Units of a layer, and the directions that stand for them.

  Attributes:
    numbers: U units; channels, where the layer has places.
    directions: [U, D]: one value is 1, or a channel's are its mean.
  """

  numbers: tuple[int, ...]
  directions: np.ndarray


def liveliest(plan: plan_lib.Plan, features: np.ndarray, count: int) -> Units:
  """The units that vary most over examples [N, D], in that order, at most `count`."""
  x = np.asarray(features, np.float32).reshape(len(features), -1, plan.features[-1])
  places = x.shape[1]
  numbers = np.argsort(-x.mean(axis=1).var(axis=0), kind="stable")[:count]
  one = np.eye(plan.features[-1], dtype=np.float32)[numbers] / places
  return Units(tuple(numbers.tolist()), np.tile(one, (1, places)))


def parts(settings: config_lib.Optimisation, shape: tuple[int, ...]) -> tuple[
    optimise.Parameterisation, optimise.Transform, optax.GradientTransformation]:
  """What is changed, the transform and the optimiser that a config names, for images [B, H, W, 3].

  What a generator draws is changed with `of_generator`.
  """
  transforms = [optimise.jitter(settings.jitter)] * (settings.jitter > 0)
  transforms += [optimise.blur(settings.blur)] * (settings.blur > 0)
  return (PARAMETERISATIONS[settings.parameterisation](shape), optimise.chain(*transforms),
          optax.adam(settings.learning_rate))


def of_generator(plan: plan_lib.Plan, params: Mapping[str, Any],
                 features: np.ndarray) -> optimise.Parameterisation:
  """A generator's input, from given features [B, D] on: its pictures stay like pictures.

  What is changed is the standardised input's distance from them, so that it starts at zero.
  """
  scale = params["statistics"]["scale"]

  def images(change):
    drawn = generator.apply(params, features + scale * change, plan.layout, plan.features)
    return jnp.clip(drawn, -1, 1)

  return optimise.Parameterisation(lambda key: jnp.zeros(features.shape), images)


def matching(plan: plan_lib.Plan, params: Mapping[str, Any], features: np.ndarray) -> np.ndarray:
  """Pictures of the reference modality whose features come near to given ones.

  Args:
    plan: of a run whose tower reads pixels.
    params: of the generator, see `generator.apply`.
    features: [B, D].

  Returns:
    uint8 [B, H, W, 3].
  """
  features = jnp.asarray(features, jnp.float32)
  objective = optimise.match(plan.settings.layer, features)
  prior = plan.settings.optimisation.parameterisation == _GENERATOR
  start = of_generator(plan, jax.device_put(params), features) if prior else None
  return _sought(plan, objective, len(features), plan.reference, "features", start)


def exciting(plan: plan_lib.Plan, units: Units, modality: modalities_lib.Modality) -> np.ndarray:
  """Pictures that excite units most, seen through the tower of a modality of pixels.

  Units of a layer with a ReLU are asked for before it, where a silent unit still has a gradient.

  Returns:
    uint8 [U, H, W, 3].
  """
  layer = plan.settings.layer
  layer = f"{layer}_linear" if layer in ("fc6", "fc7") else layer
  objective = optimise.excite(layer, jnp.asarray(units.directions))
  return _sought(plan, objective, len(units.numbers), modality, f"units, {modality.name}")


def _sought(plan: plan_lib.Plan, objective: optimise.Objective, count: int,
            modality: modalities_lib.Modality, what: str,
            prior: optimise.Parameterisation | None = None) -> np.ndarray:
  """Pictures by optimisation; with a prior they need no jitter, blur or smoothness."""
  settings, config = plan.settings.optimisation, plan.run.config
  method, params = methods.named(config.method), jax.device_put(plan.run.params)
  parameterisation, transform, optimizer = parts(settings, (count, *modality.shape))
  smoothness = settings.smoothness
  if prior is not None:
    parameterisation, transform, smoothness = prior, optimise.chain(), 0.0
  with progress.Progress(f"optimising for {what}", settings.steps, "steps") as line:
    images, _ = optimise.optimise(
      lambda params, images: model.apply(params, images, modality, method, config.network), params,
      objective, parameterisation, optimizer, settings.steps, jax.random.key(config.seed),
      transform=transform, smoothness=smoothness,
      on_step=lambda done, value: line.update(done, f"{value:.3f}"))
  return np.asarray(generator.pixels(images))
