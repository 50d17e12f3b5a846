"""Pictures by optimisation, for units of a run's layer."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cmx import config as config_lib
from cmx import methods
from cmx import modalities as modalities_lib
from cmx.analysis.inversion import decoder
from cmx.analysis.inversion import optimise
from cmx.analysis.inversion import plan as plan_lib
from cmx.network import model
from cmx.runtime import progress


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
  """What is changed, the transform and the optimiser of a config, for images [B, H, W, 3]."""
  transforms = [optimise.jitter(settings.jitter)] * (settings.jitter > 0)
  transforms += [optimise.blur(settings.blur)] * (settings.blur > 0)
  return (optimise.PARAMETERISATIONS[settings.parameterisation](shape), optimise.chain(*transforms),
          optax.adam(settings.learning_rate))


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
            modality: modalities_lib.Modality, what: str) -> np.ndarray:
  settings, config = plan.settings.optimisation, plan.run.config
  method, params = methods.named(config.method), jax.device_put(plan.run.params)
  parameterisation, transform, optimizer = parts(settings, (count, *modality.shape))
  with progress.Progress(f"optimising for {what}", settings.steps, "steps") as line:
    images, _ = optimise.optimise(
      lambda params, images: model.apply(params, images, modality, method, config.network), params,
      objective, parameterisation, optimizer, settings.steps, jax.random.key(config.seed),
      transform=transform, smoothness=settings.smoothness,
      on_step=lambda done, value: line.update(done, f"{value:.3f}"))
  return np.asarray(decoder.pixels(images))
