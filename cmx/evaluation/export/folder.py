"""Writes the folder of a modality's tower and trunk, and tries it before it gets its name."""

import importlib.util
import json
import pathlib
import runpy
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from cmx import data
from cmx import modalities as modalities_lib
from cmx.config import limits
from cmx.data import encoders
from cmx.evaluation import features
from cmx.evaluation import fitted
from cmx.evaluation.export import embed
from cmx.evaluation.export import preprocess
from cmx.files import writing
from cmx.network import model
from cmx.runtime import devices
from cmx.runtime import provenance
from cmx.training import checkpoint
from cmx.training import step

PLATFORMS = ("cpu", "cuda", "tpu")
_TOWER, _WEIGHTS, _READOUTS, _CARD = "tower.jaxexport", "weights.npz", "readouts.npz", "card.json"
_SEP = "/"  # between the parts of an array's name
_EXAMPLE = "example"  # .npy: inputs of the validation split; .npz: what the run makes of them
_READER = "flatbuffers"  # the package that jax.export reads and writes with, and JAX does not bring
_TRIED, _SHOWN = 32, 4  # validation examples that the folder is tried on, and that it keeps
# Largest difference that the order of float32 sums explains, as a share of the largest activation;
# of bfloat16 and of an accelerator's products in fewer bits, their own rounding.
_CLOSE, _COARSE = 1e-5, 2e-2


def write(run: checkpoint.Run, modality: str, dataset: data.Dataset,
          folder: pathlib.Path) -> dict[str, Any]:
  """Writes one modality's tower and trunk as a folder of its own; returns its card.

  Args:
    run: finished.
    modality: name or code.
    dataset: opened and encoded as for the run; statistics and the trial are of its examples.
    folder: new, or an earlier export, whose place is taken.

  Raises:
    ValueError: if the run is not finished or has no such modality, the folder holds something else,
      a package is missing, or what the folder gives is not what the run gives.
  """
  row = modalities_lib.of_name(run.modalities, modality)
  steps = step.steps(run.config)
  if run.step != steps:
    raise ValueError(f"the run is not finished: {run.step} of {steps} steps are done. Run the "
                     "command that trained it again")
  if folder.is_dir() and any(folder.iterdir()) and not (folder / _TOWER).exists():
    raise ValueError(f"{folder} holds files but no tower; expected a new folder")
  features.check(run, dataset, data.TRAIN)
  alone, layer = checkpoint.of_modality(run, row), run.config.evaluation.layer
  with writing.whole_folder(folder) as unfinished:
    _copy_programs(unfinished)
    (unfinished / _TOWER).write_bytes(_exported(alone))
    weights = {name: np.asarray(leaf) for name, leaf in _flat(alone.params).items()}
    writing.write_arrays(unfinished / _WEIGHTS, weights)
    readouts = _statistics(alone, dataset, layer)
    writing.write_arrays(unfinished / _READOUTS, readouts)
    card = _about(alone, dataset, layer, int(readouts["examples"]))
    (unfinished / _CARD).write_text(json.dumps(card))
    card["parity"] = _tried(alone, dataset, unfinished)
    (unfinished / _CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
  return card


def _copy_programs(folder: pathlib.Path) -> None:
  reader = importlib.util.find_spec(_READER)
  if reader is None or reader.origin is None:
    raise ValueError(f"jax.export needs the package {_READER}: pip install {_READER}")
  package = folder / _READER
  package.mkdir()
  for file in sorted(pathlib.Path(reader.origin).parent.glob("*.py")):
    shutil.copyfile(file, package / file.name)
  for module in (embed, preprocess):
    path = pathlib.Path(module.__file__)
    shutil.copyfile(path, folder / path.name)


def _exported(run: checkpoint.Run) -> bytes:
  """The network of a run of one modality, as jax.export writes it; {name: array}, [B, ...] in."""
  row, method = run.modalities[0], run.method

  def forward(weights: Mapping[str, jax.Array], x: jax.Array) -> dict[str, jax.Array]:
    params = traverse_util.unflatten_dict(weights, sep=_SEP)
    found = model.apply(params, x, row, method, run.config.network)
    return {layer: found[layer].astype(jnp.float32) for layer in limits.LAYERS}

  weights = {name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
             for name, leaf in _flat(run.params).items()}
  shape = jax.export.symbolic_shape(", ".join(["batch", *map(str, row.shape)]))
  x = jax.ShapeDtypeStruct(shape, _dtype(row))
  return bytes(jax.export.export(jax.jit(forward), platforms=PLATFORMS)(weights, x).serialize())


def _dtype(row: modalities_lib.Modality) -> jnp.dtype:
  return jnp.dtype("uint8" if len(row.shape) == 3 else "float32")


def _flat(params: model.Params) -> dict[str, Any]:
  """Arrays [...] by names "layer/owner/..."."""
  return traverse_util.flatten_dict(params, sep=_SEP)


def _statistics(run: checkpoint.Run, dataset: data.Dataset, layer: str) -> dict[str, np.ndarray]:
  """Mean [D] and covariance [D, D] of a layer's training activations, in one pass over blocks."""
  row, settings = run.modalities[0], run.config
  source = dataset.splits[data.TRAIN][row.name]
  chosen = features.order(len(source), fitted.EXAMPLES)  # those of the run's read-outs
  count, mean, spread = 0, 0.0, 0.0
  for _, _, found in features.stream(run, devices.replicate(run.params), row, source, chosen,
                                     [layer], devices.rounded_up(settings.evaluation.batch)):
    x = np.asarray(found[layer], np.float64)
    away = x.mean(0) - mean
    total = count + len(x)
    spread = spread + (x - x.mean(0)).T @ (x - x.mean(0)) + np.outer(away, away) * (
      count * len(x) / total)
    mean, count = mean + away * (len(x) / total), total
  return {"layer": np.array(layer), "examples": np.array(count), "mean": np.float32(mean),
          "covariance": np.float32(spread / max(count - 1, 1))}


def _about(run: checkpoint.Run, dataset: data.Dataset, layer: str, examples: int) -> dict[str, Any]:
  row, config = run.modalities[0], run.config
  return {
    "what": f"Tower and trunk of modality {row.name!r} of a cmx run: {run.name}, seed "
            f"{config.seed}, {run.step} steps.",
    "use": "python embed.py inputs.npy features.npz   (JAX and NumPy; CPU, CUDA or TPU)",
    "modality": row.name, "kind": row.kind, "shape": list(row.shape), "dtype": _dtype(row).name,
    "input": _input(run), "classes": list(run.classes),
    "layers": {name: features.widths(run)[name] for name in limits.LAYERS},
    "example": f"{_EXAMPLE}.npy, and what embed.py makes of it, {_EXAMPLE}.npz",
    "readouts": f"{_READOUTS}: mean and covariance of {layer} over {examples} training examples of "
                f"{row.name}. Centred: cosine of x - mean; whitened: of S^(-1/2) (x - mean), S the "
                "covariance, shrunk where examples are few.",
    "platforms": list(PLATFORMS), "weights": features.digest(run.params),
    "data": dataset.fingerprint, "trained": dict(run.provenance), "exported": provenance.describe()}


def _input(run: checkpoint.Run) -> str:
  """What inputs are, in words."""
  row = run.modalities[0]
  if len(row.shape) == 3:
    return (f"images, uint8 [N, H, W, 3], red, green, blue, upright and on white where they were "
            f"transparent; preprocess.py puts them into white squares of {row.shape[0]} pixels")
  encoder = encoders.of(run.config, row.kind)
  if encoder is None:
    return f"vectors [N, {row.shape[0]}], as the data set has them"
  what = "images" if row.kind == "pixels" else "texts"
  return (f"vectors [N, {row.shape[0]}] of {what} by the frozen encoder {encoder.name!r}, "
          f"fingerprint {encoder.fingerprint}, which is no part of this folder")


def _tried(run: checkpoint.Run, dataset: data.Dataset, folder: pathlib.Path) -> dict[str, Any]:
  """How far the folder's own script is from the run, as a share of each layer's largest value.

  Raises:
    ValueError: if it is further than rounding explains.
  """
  row = run.modalities[0]
  source = dataset.splits[data.VALIDATION][row.name]
  x = np.stack([source[int(i)]["input"] for i in features.order(len(source), _TRIED)])
  expected = features.reader(run, row, limits.LAYERS, devices.rounded_up(len(x)))(
    devices.replicate(run.params), x)
  with tempfile.TemporaryDirectory() as scratch:
    inputs, outputs = pathlib.Path(scratch) / "inputs.npy", pathlib.Path(scratch) / "features.npz"
    np.save(inputs, x)
    runpy.run_path(str(folder / "embed.py"))["main"](inputs, outputs)
    given = writing.read_arrays(outputs)
  np.save(folder / f"{_EXAMPLE}.npy", x[:_SHOWN])
  np.savez(folder / f"{_EXAMPLE}.npz", **{name: part[:_SHOWN] for name, part in expected.items()})
  apart = {layer: float(np.abs(given[layer] - expected[layer]).max()
                        / max(np.abs(expected[layer]).max(), 1e-30)) for layer in limits.LAYERS}
  exact = run.config.network.precision == "float32" and jax.default_backend() == "cpu"
  allowed = _CLOSE if exact else _COARSE
  worst = max(apart, key=apart.get)
  if not apart[worst] <= allowed:
    raise ValueError(f"the exported tower's {worst} is {apart[worst]:.2g} of its largest value "
                     f"away from the run's on {len(x)} examples; expected {allowed:g} at most")
  return {"examples": len(x), "apart": apart, "allowed": allowed, "on": jax.default_backend()}
