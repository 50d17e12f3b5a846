"""The mixtures of a reference network: what is fitted on which activations, and where it is kept.

  <reference>/mixtures/<layer>_k<K>_<covariance>.npz   see `cmx.mixture.store`
"""

import json
import pathlib
import zlib
from collections.abc import Callable

import jax

from cmx import config as config_lib
from cmx import data
from cmx import methods
from cmx.evaluation import features
from cmx.mixture import em
from cmx.mixture import passes as passes_lib
from cmx.mixture import store
from cmx.runtime import devices
from cmx.training import checkpoint


def needed(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
           reference: pathlib.Path) -> dict[str, em.Fit]:
  """The fits {layer: Fit} that the config's method needs: read, or made and kept.

  Args:
    config: of the row; nothing is fitted where its method needs no mixtures.
    run: trained reference network.
    dataset: opened and encoded.
    reference: its work directory.

  Raises:
    ValueError: if the settings do not go together, the activations cannot be fitted, or a file
      holds a fit of other settings.
  """
  components, settings = methods.components_of(config), config.mixture
  if components is None:
    return {}
  em.check(components, settings.covariance, settings.restarts)
  return {layer: kept(config, run, dataset, reference, layer, components).fit
          for layer in settings.layers}


def kept(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
         reference: pathlib.Path, layer: str, components: int) -> store.Kept:
  """The fit of one layer with so many components: read, or made and kept; see `needed`."""
  path = reference / "mixtures" / f"{layer}_k{components}_{config.mixture.covariance}.npz"
  return store.kept(path, settings_of(config, run, dataset, components), layer_key(run, layer),
                    source(config, run, dataset, reference, layer), f"mixture of {layer}")


def settings_of(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
                components: int) -> store.Settings:
  """All a layer's fit depends on: K, `config.mixture`, the reference's weights and the data."""
  fields = ("covariance", "restarts", "iterations", "tolerance", "variance_floor", "examples")
  return {"components": components, **{name: getattr(config.mixture, name) for name in fields},
          "weights": features.digest(run.params), "data": dataset.fingerprint}


def layer_key(run: checkpoint.Run, layer: str) -> jax.Array:
  """The random key [] of all fits of a layer."""
  return jax.random.fold_in(jax.random.key(run.config.seed), zlib.crc32(layer.encode()))


def source(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
           reference: pathlib.Path, layer: str
           ) -> Callable[[], tuple[passes_lib.Chunks, store.Names]]:
  """Opens passes over a layer's training activations [n, D] of the reference modality, and names.

  They are stored beside the network, or come out of it anew in every pass where
  `config.mixture.stored` is off: the same examples in the same order.
  """
  function = _stored if config.mixture.stored else _streamed
  return lambda: function(config, run, dataset, reference, layer)


def _stored(config, run, dataset, reference, layer):
  limit, modality = config.mixture.examples, run.modalities[0].name
  folder = reference / "features" / f"{data.TRAIN}_{layer}_{limit}"
  found = features.extract(run, dataset, data.TRAIN, [layer], folder,
                           batch=config.evaluation.batch, limit=limit)
  keys = folder / modality / "key.json"
  return (passes_lib.of_array(found[modality][layer]),
          lambda index: f"{index} ({json.loads(keys.read_text())[index]})")


def _streamed(config, run, dataset, reference, layer):
  del reference  # nothing is written
  features.check(run, dataset, data.TRAIN)
  modality = run.modalities[0]
  examples = dataset.splits[data.TRAIN][modality.name]
  chosen = features.order(len(examples), config.mixture.examples)
  batch = devices.rounded_up(config.evaluation.batch)
  read = features.reader(run, modality, [layer], batch)
  params = devices.replicate(run.params)

  def passes():
    for _, _, found in features.stream(run, params, modality, examples, chosen, [layer], batch,
                                       read):
      yield found[layer]

  return passes, lambda index: f"{index} ({examples[int(chosen[index])]['key']})"
