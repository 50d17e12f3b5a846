"""Features: activations of a split under a trained run, with labels and keys, as files.

`<folder>/<modality>/{<layer>.npy, label.npy, key.json}` and `<folder>/classes.json`; arrays are
memory maps, written and read, so that a split need not fit in memory.
"""

import hashlib
import json
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging
import jax
import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx import modalities as modalities_lib
from cmx.files import disk
from cmx.files import json_files
from cmx.files import manifest
from cmx.files import writing
from cmx.network import model
from cmx.runtime import devices
from cmx.runtime import parts
from cmx.runtime import prefetch
from cmx.runtime import progress
from cmx.training import checkpoint
from cmx.training import not_finite

_COMPLETE = "modalities.json"  # written last: the folder is whole, and this is its table order
CLASSES = "classes.json"  # names in label order; as the card, not in every folder
_AGAIN = "Run launch.evaluate, or what has made it, again: it is computed anew"
_CARD = "card.json"  # what the features are of; a folder made by other means need not have one

Features = dict[str, dict[str, np.ndarray]]  # {modality: {layer: [N, D], "label": [N]}}


def extract(run: checkpoint.Run, dataset: data.Dataset, split: str, layers: Sequence[str],
            folder: pathlib.Path, *, batch: int, limit: int | None = None) -> Features:
  """Activations of every example of a split; returns at once if the folder has them already.

  Args:
    run: trained network.
    dataset: opened and encoded as for the run.
    split: "train" or "validation".
    layers: names of activations, e.g. ("pool5", "fc7").
    folder: where the files go, examples in the order of `order`; whole or absent.
    batch: examples a forward pass, over all devices; made a multiple of their number.
    limit: takes this many examples of each modality at random; None takes all.

  Raises:
    ValueError: if the data set's classes or modalities are not the run's, a layer is not known, or
      the folder holds something else.
  """
  card = {"weights": digest(run.params), "data": dataset.fingerprint, "split": split,
          "limit": limit, "layers": list(layers)}
  if not _is_there(folder, card):
    check(run, dataset, split)
    with writing.held(folder):
      if not _is_there(folder, card):  # else another process has written it meanwhile
        _write(run, dataset, split, layers, folder, batch, card)
  _check_card(folder, card)
  return load(folder)


def _is_there(folder: pathlib.Path, card: Mapping[str, Any]) -> bool:
  """Whether features are there as they were written; damaged ones are none, and the log says so."""
  error = manifest.damage(manifest.of(folder))
  if error is None:
    return (folder / _COMPLETE).exists()
  if _CARD not in error.files:
    _check_card(folder, card)
  logging.warning("%s. The features are computed again", error.what)
  return False


def _write(run: checkpoint.Run, dataset: data.Dataset, split: str, layers: Sequence[str],
           folder: pathlib.Path, batch: int, card: Mapping[str, Any]) -> None:
  _check_free(folder)
  params = devices.replicate(run.params)
  batch = devices.rounded_up(batch)
  with writing.whole_folder(folder) as unfinished:
    for modality in run.modalities:
      source = dataset.splits[split][modality.name]
      chosen = order(len(source), card["limit"])
      place = unfinished / modality.name
      _extract_modality(run, params, modality, source, chosen, layers, place, batch)
    (unfinished / CLASSES).write_text(json.dumps(run.classes))
    (unfinished / _CARD).write_text(json.dumps(card))
    (unfinished / _COMPLETE).write_text(json.dumps([m.name for m in run.modalities]))
    manifest.seal(manifest.of(unfinished), _AGAIN)


def copy(source: pathlib.Path, folder: pathlib.Path, layers: Sequence[str]) -> None:
  """Copies what `extract` has written, of some layers; returns at once if the folder has them.

  Raises:
    ValueError: if the folder holds something else.
  """
  card = json_files.read(source / _CARD, _remedy(source), "layers") | {"layers": list(layers)}
  others = shutil.ignore_patterns(manifest.NAME, *(
    f"{path.stem}.npy" for path in source.glob("*/*.npy") if path.stem not in (*layers, "label")))
  with writing.held(folder):
    if not _is_there(folder, card):
      _check_free(folder)
      with writing.whole_folder(folder) as unfinished:
        shutil.copytree(source, unfinished, ignore=others, dirs_exist_ok=True)
        (unfinished / _CARD).write_text(json.dumps(card))
        manifest.seal(manifest.of(unfinished), _AGAIN)
  _check_card(folder, card)


def _check_free(folder: pathlib.Path) -> None:
  if not manifest.of(folder).exists() and folder.is_dir() and any(folder.iterdir()):
    raise ValueError(f"{folder} holds files but no features; expected a new folder")


def check(run: checkpoint.Run, dataset: data.Dataset, split: str) -> None:
  """Raises ValueError unless the data set has the classes and modalities of the run."""
  if dataset.classes != run.classes:
    raise ValueError(f"data set {dataset.name!r} has classes {_short(dataset.classes)}; "
                     f"the run was trained on {_short(run.classes)}")
  for modality in run.modalities:
    if modality.name not in dataset.splits[split]:
      raise ValueError(f"the data set has no modality {modality.name!r}, which the run was trained "
                       "on")


def wanted(config: config_lib.Config) -> list[str]:
  """The layers that evaluation reads."""
  return list(dict.fromkeys((*config.evaluation.layers, config.evaluation.layer, "fc8")))


def compared(config: config_lib.Config) -> list[str]:
  """The layers of a run's tables, the main one first."""
  return list(dict.fromkeys((config.evaluation.layer, *config.evaluation.layers)))


def widths(run: checkpoint.Run) -> dict[str, int]:
  """The width of each layer's activations, {layer: D}, found without computing any."""
  row, method = run.modalities[0], run.method
  shapes = jax.eval_shape(
    lambda params, x: model.apply(params, x, row, method, run.config.network), run.params,
    jax.ShapeDtypeStruct((1, *row.shape), np.float32))
  return {layer: shape.shape[1] for layer, shape in shapes.items()}


def order(count: int, limit: int | None = None) -> np.ndarray:
  """Which example of a source of `count` stands in each row of its features, int [N].

  A fixed random order: rankings break ties by gallery order, which must not follow the class as it
  does in most data sets.
  """
  return np.random.default_rng(0).permutation(count)[:limit]


def digest(params: model.Params) -> str:
  """Short hash of all parameters, by name."""
  total = hashlib.sha256()
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    total.update(f"{jax.tree_util.keystr(path)} {leaf.shape} {leaf.dtype}".encode())
    total.update(np.ascontiguousarray(leaf))
  return total.hexdigest()[:16]


def _check_card(folder: pathlib.Path, card: Mapping[str, Any]) -> None:
  if not (folder / _CARD).exists():
    return
  found = json_files.read(folder / _CARD, _remedy(folder), *card)
  other = [f"{key}: {value} | {found[key]}" for key, value in card.items()
           if not (set(value) <= set(found[key]) if key == "layers" else value == found[key])]
  if other:
    raise ValueError(f"{folder} holds other features (asked for | found there):\n  "
                     + "\n  ".join(other) + "\nChoose another folder, or remove this one.")


def _short(names: Sequence[str]) -> str:
  return f"{len(names)} ({', '.join(names[:3])}, ...)"


def _extract_modality(run: checkpoint.Run, params: model.Params, modality: modalities_lib.Modality,
                      source: data.Source, chosen: np.ndarray, layers: Sequence[str],
                      folder: pathlib.Path, batch: int) -> None:
  folder.mkdir(parents=True)
  arrays: dict[str, Any] = {}
  keys = []
  for start, examples, found in stream(run, params, modality, source, chosen, layers, batch):
    keys += [example["key"] for example in examples]
    for layer, value in found.items():
      if layer not in arrays:
        arrays[layer] = disk.new_array(folder / f"{layer}.npy", np.float32,
                                       (len(chosen), value.shape[1]))
      arrays[layer][start:start + len(examples)] = value
  for array in arrays.values():
    array.flush()
  np.save(folder / "label.npy", source.labels[chosen].astype(np.int32))
  (folder / "key.json").write_text(json.dumps(keys))


def stream(run: checkpoint.Run, params: model.Params, modality: modalities_lib.Modality,
           source: data.Source, chosen: np.ndarray, layers: Sequence[str], batch: int,
           read_layers: Callable | None = None
           ) -> Iterator[tuple[int, list[data.Example], dict[str, np.ndarray]]]:
  """Activations of examples, a forward pass at a time; examples are read ahead.

  Args:
    run: trained network.
    params: its parameters on the devices: `devices.replicate(run.params)`.
    modality: row of the run.
    source: examples of the modality, encoded as for the run.
    chosen: indices of the examples, int [N].
    layers: names of activations.
    batch: examples a forward pass, over all devices; a multiple of their number.
    read_layers: of `reader` with the same arguments, for who streams again: it compiles once.

  Yields:
    (place in `chosen` of the first, b examples, {layer: [b, D]}).

  Raises:
    ValueError: if a layer is not known; FloatingPointError if an activation is not finite.
  """
  read_layers = read_layers or reader(run, modality, layers, batch)
  parts = range(0, len(chosen), batch)

  def examples_of(part):
    return [source[int(i)] for i in chosen[parts[part]:parts[part] + batch]]

  what = f"{run.config.method}, {modality.name}"
  with (prefetch.Prefetch(examples_of, 0, len(parts)) as ahead,
        progress.Progress(what, len(chosen), "examples") as line):
    for start, examples in zip(parts, ahead):
      x = np.stack([example["input"] for example in examples])
      yield start, examples, not_finite.checked(
        read_layers(params, x), [example["key"] for example in examples], what)
      line.update(start + len(examples))


def reader(run: checkpoint.Run, modality: modalities_lib.Modality, layers: Sequence[str],
           batch: int) -> Callable:
  """A function (params, inputs [N, ...]) -> {layer: [N, D]} of one modality, for N <= batch.

  Raises:
    ValueError: when called, if a layer does not exist.
  """
  def forward(params, x):
    outputs = model.apply(params, x, modality, run.method, run.config.network)
    missing = [layer for layer in layers if layer not in outputs]
    if missing:
      raise ValueError(f"layer {missing[0]!r}; expected one of {', '.join(outputs)}")
    return {layer: outputs[layer] for layer in layers}

  return parts.by_rows(forward, batch, run.config.shards * run.config.deterministic)


def load(folder: pathlib.Path) -> Features:
  """The features of a folder as memory maps.

  Raises:
    FileNotFoundError: if the folder is absent or not complete.
    ValueError: if a file of it is damaged; the message names it.
  """
  manifest.check(manifest.of(folder))
  if not (folder / _COMPLETE).exists():
    raise FileNotFoundError(f"no features in {folder}; run launch.extract with the same --workdir")
  return {name: {file.stem: _mapped(file) for file in sorted((folder / name).glob("*.npy"))}
          for name in json_files.read(folder / _COMPLETE, _remedy(folder))}


def _mapped(file: pathlib.Path) -> np.ndarray:
  try:
    return np.load(file, mmap_mode="r")
  except (ValueError, OSError, EOFError) as error:
    remedy = _remedy(file.parent.parent)
    raise ValueError(f"{file} is damaged or cut off ({error}); {remedy}") from error


def _remedy(folder: pathlib.Path) -> str:
  return f"remove the folder {folder}, and run the same command again"


def with_classes(features: Mapping[str, Mapping[str, np.ndarray]],
                 classes: Sequence[int]) -> Features:
  """The examples {modality: {layer: [N, D], "label": [N]}} whose label is among `classes`."""
  chosen = {name: np.isin(part["label"], classes) for name, part in features.items()}
  return {name: {key: np.asarray(value)[chosen[name]] for key, value in part.items()}
          for name, part in features.items()}
