"""The mixtures of a reference network: what is fitted on which activations, and where it is kept.

  <reference>/mixtures/<layer>_k<K>_<covariance>.npz          see `cmx.mixture.store`
  <reference>/mixtures/<layer>_k<K>_<covariance>_shares.npz   of each class on each component
  <reference>/mixtures/<layer>_k<K>_each_class.npz            fitted class by class, with shares
"""

import functools
import pathlib
import shutil
import zlib
from typing import NamedTuple

from absl import logging
import jax
import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx import methods
from cmx.alignment import given
from cmx.evaluation import features
from cmx.files import json_files
from cmx.files import writing
from cmx.mixture import classes
from cmx.mixture import em
from cmx.mixture import gmm
from cmx.mixture import passes as passes_lib
from cmx.mixture import store
from cmx.runtime import devices
from cmx.runtime import hosts
from cmx.training import checkpoint


EXAMPLES_A_COMPONENT = 20  # fewer leave a diagonal Gaussian to chance


class Needed(NamedTuple):
  """A layer's fit, and what of it a term is given."""

  fit: em.Fit
  statistics: given.Statistics


def check(config: config_lib.Config) -> None:
  """Raises ValueError unless what says how the config's mixtures are fitted goes together."""
  components, settings = methods.components_of(config), config.mixture
  if components is not None:
    em.check(components, settings.covariance, settings.restarts)
  elif methods.named(config.method).statistics:
    em.check(settings.per_class, em.TIED, settings.restarts)


def needed(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
           reference: pathlib.Path) -> dict[str, Needed]:
  """The statistics {layer: Needed} that the config's method needs: read, or made and kept.

  Args:
    config: of the row; nothing is fitted where its method needs no statistics.
    run: trained reference network.
    dataset: opened and encoded.
    reference: its work directory.

  Raises:
    ValueError: if the settings do not go together, the activations cannot be fitted, or a file
      holds a fit of other settings.
  """
  kind = methods.named(config.method).statistics
  if not kind:
    return {}
  found = {}
  for layer in config.mixture.layers:
    if kind == methods.CLASSES:
      fit, share = _class_by_class(config, run, dataset, reference, layer)
    else:
      components = methods.components_of(config)
      _warn_of_few(config, dataset, reference, layer, components)
      fit = fit_of_layer(config, run, dataset, reference, layer, components).fit
      share = (_shares(config, run, dataset, reference, layer, fit) if kind == methods.SHARES
               else None)
    if share is not None:
      share = _owned(share, fit.mixture, config, dataset, layer)
    found[layer] = Needed(fit, given.Statistics(fit.mixture, share))
  return found


def _warn_of_few(config: config_lib.Config, dataset: data.Dataset, reference: pathlib.Path,
                 layer: str, components: int) -> None:
  """Says where a mixture that has yet to be fitted has few examples a component."""
  if components == 1 or _path(config, reference, layer, components).exists():
    return
  count = min(len(dataset.splits[data.TRAIN][dataset.modalities[0].name]), config.mixture.examples)
  if count < EXAMPLES_A_COMPONENT * components:
    logging.warning("mixture of %s: %d examples for K = %d components, fewer than %d each: a "
                    "smaller mixture may well be better; launch.ladder --reference=%s tries some",
                    layer, count, components, EXAMPLES_A_COMPONENT, reference)


def _path(config: config_lib.Config, reference: pathlib.Path, layer: str,
          components: int) -> pathlib.Path:
  return reference / "mixtures" / f"{layer}_k{components}_{config.mixture.covariance}.npz"


def _class_by_class(config, run, dataset, reference, layer) -> tuple[em.Fit, np.ndarray]:
  """The fit of a layer class by class, and how much of each class falls on each component."""
  settings = config.mixture
  path = reference / "mixtures" / f"{layer}_k{settings.per_class}_each_class.npz"
  told = _settings_of(config, run, dataset, settings.per_class) | {
    "covariance": em.TIED, "classes": len(dataset.classes)}

  def make():
    activations = _activations_of(config, run, dataset, reference, layer)
    x = np.concatenate(list(activations.chunks()))
    fit, share = classes.fit(
      x, _labels(config, run, dataset), settings.per_class, layer_key(run, layer),
      em.Options(*(told[name] for name in em.Options._fields)), name=activations.name)
    logging.info("mixture of %s, class by class: %s. Written: %s", layer, store.describe(fit), path)
    return fit, np.pad(share, ((0, len(dataset.classes) - len(share)), (0, 0)))

  return store.read_or_fit_with_shares(path, told, make)


def _shares(config, run, dataset, reference, layer, fit: em.Fit) -> np.ndarray:
  """How much of each class falls on each component of a fit [C, K], kept beside the fit."""
  components, covariance = len(fit.mixture.weight), config.mixture.covariance
  path = reference / "mixtures" / f"{layer}_k{components}_{covariance}_shares.npz"
  told = _settings_of(config, run, dataset, components) | {"classes": len(dataset.classes)}

  def make():
    chunks = _activations_of(config, run, dataset, reference, layer).chunks
    return {"share": classes.shares(chunks, _labels(config, run, dataset), fit.mixture,
                                    len(dataset.classes))}

  return store.read_or_make(path, told, make)["share"]


def _owned(share: np.ndarray, mixture: gmm.Mixture, config: config_lib.Config,
           dataset: data.Dataset, layer: str) -> np.ndarray:
  """P(component | class) [C, K]; says which classes fall back to all components."""
  found, without = classes.owned(share, mixture.weight, config.mixture.least_share)
  shown = {int(label) for source in dataset.splits[data.TRAIN].values()
           for label in np.unique(source.labels)}
  names = [dataset.classes[label] for label in without if label in shown]
  if names:
    logging.warning("mixture of %s: %d classes have no training example of %s, which has none of "
                    "their components: their penalty is that of the whole mixture: %s", layer,
                    len(names), dataset.modalities[0].name, ", ".join(names))
  return found


def _labels(config, run, dataset) -> np.ndarray:
  """Labels [N] of the examples that `_activations_of` passes over, in its order."""
  labels = np.asarray(dataset.splits[data.TRAIN][run.modalities[0].name].labels)
  return labels[features.order(len(labels), config.mixture.examples)]


def fit_of_layer(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
                 reference: pathlib.Path, layer: str, components: int) -> store.StoredFit:
  """The fit of one layer with so many components: read, or made and kept; see `needed`."""
  return store.read_or_fit(
    _path(config, reference, layer, components), _settings_of(config, run, dataset, components),
    layer_key(run, layer), _activations_of(config, run, dataset, reference, layer),
    f"mixture of {layer}")


def _settings_of(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
                 components: int) -> store.Settings:
  """All a layer's fit depends on: K, `config.mixture`, the reference's weights and the data."""
  fields = (*em.Options._fields, "examples")
  return {"components": components, **{name: getattr(config.mixture, name) for name in fields},
          "weights": features.digest(run.params), "data": dataset.fingerprint}


def layer_key(run: checkpoint.Run, layer: str) -> jax.Array:
  """The random key [] of all fits of a layer."""
  return jax.random.fold_in(jax.random.key(run.config.seed), zlib.crc32(layer.encode()))


def _activations_of(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
                    reference: pathlib.Path, layer: str) -> passes_lib.Activations:
  """A layer's training activations [n, D] of the reference modality, to fit on.

  They are stored beside the network, or come out of it anew in every pass where
  `config.mixture.stored` is off: the same examples in the same order.
  """
  function = _stored if config.mixture.stored else _streamed
  return function(config, run, dataset, reference, layer)


def forget(config: config_lib.Config, reference: pathlib.Path) -> None:
  """Removes stored activations, once mixtures are fitted on them; another fit computes them anew.

  Args:
    config: of the mixtures; with `config.log.keep_optimizer` nothing is removed.
    reference: work directory of the reference network.
  """
  folders = [] if config.log.keep_optimizer or not hosts.is_first() else [
    _folder(config, reference, layer) for layer in config.mixture.layers]
  for folder in folders:
    if folder.exists():
      with writing.held(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _folder(config: config_lib.Config, reference: pathlib.Path, layer: str) -> pathlib.Path:
  return reference / "features" / f"{data.TRAIN}_{layer}_{config.mixture.examples}"


def _stored(config, run, dataset, reference, layer):
  limit, modality = config.mixture.examples, run.modalities[0].name
  folder = _folder(config, reference, layer)

  @functools.cache
  def found():
    return features.extract(run, dataset, data.TRAIN, [layer], folder,
                            batch=config.evaluation.batch, limit=limit)[modality][layer]

  keys = folder / modality / "key.json"
  return passes_lib.Activations(
    lambda: passes_lib.of_array(found())(),
    lambda index: f"{index} ({json_files.read(keys, f'remove {folder}')[index]})")


def _streamed(config, run, dataset, reference, layer):
  del reference  # nothing is written
  modality = run.modalities[0]
  examples = dataset.splits[data.TRAIN][modality.name]
  chosen = features.order(len(examples), config.mixture.examples)
  batch = devices.rounded_up(config.evaluation.batch)

  @functools.cache
  def network():
    features.check(run, dataset, data.TRAIN)
    return devices.replicate(run.params), features.reader(run, modality, [layer], batch)

  def chunks():
    params, read = network()
    for _, _, found in features.stream(run, params, modality, examples, chosen, [layer], batch,
                                       read):
      yield found[layer]

  return passes_lib.Activations(
    chunks, lambda index: f"{index} ({examples[int(chosen[index])]['key']})")
