"""Steps whose numbers are not finite: which examples make them so, and a dump that does one again.

  <workdir>/not_finite/step_<n>.npz    the batch, its keys, the parameters before the step, and what
                                       its terms were given: `launch.replay` needs no other file

Nothing of this is computed while all is finite: the loop looks at two numbers that it has anyway.
"""

import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp
import numpy as np

from cmx import config as config_lib
from cmx import fields
from cmx import methods as methods_lib
from cmx import modalities as modalities_lib
from cmx.alignment import given
from cmx.config import limits
from cmx.files import manifest
from cmx.files import text as text_lib
from cmx.files import writing
from cmx.mixture import gmm
from cmx.network import model
from cmx.runtime import devices
from cmx.runtime import hosts
from cmx.training import loop
from cmx.training import loss as loss_lib

FOLDER = "not_finite"
_AGAIN = "Train again from a checkpoint before that step: it is written anew"
_SHOWN = 5  # examples that a sentence names


class Scene(NamedTuple):
  """What a step is made of beside its state.

  Attributes:
    config: of the run.
    method: whose terms are added.
    modalities: that a step sees, with shapes.
    constants: what the terms are given.
    batch: {modality: {"input": [B, ...], "label": int [B], "key": str [B]}}, of all processes.
    step: number of the step, counted from 1.
    values: {name: number} of its metrics.
  """

  config: config_lib.Config
  method: methods_lib.Method
  modalities: model.Modalities
  constants: given.Constants
  batch: Mapping[str, Mapping[str, np.ndarray]]
  step: int
  values: Mapping[str, float]


class Found(NamedTuple):
  """What a step has come to when it was done again.

  Attributes:
    values: {name: number} of its metrics.
    examples: {modality: {key: first of its input and layers that is not finite}}.
    largest: {modality: (key, layer, largest size of an activation)}, of those that are finite.
    gradients: "layer/owner" of the parameters whose gradient is not finite.
  """

  values: dict[str, float]
  examples: dict[str, dict[str, str]]
  largest: dict[str, tuple[str, str, float]]
  gradients: list[str]


def explained(scene: Scene, state: loop.State, workdir: pathlib.Path) -> loop.NotFinite:
  """The error that names modalities, terms and examples of a step, whose state before it is given;
  the first process writes the dump."""
  more = ""
  if hosts.is_first():
    state = jax.device_get(state)
    path = _path(workdir, scene.step)
    _write(path, scene, state)
    found = examine(scene, state)
    more = (f"{_whose(scene)}. {_examples_of(found)}. The step by itself: "
            f"python -m launch.replay --dump={path}. ")
  hosts.wait("not finite")
  return loop.NotFinite(scene.step, scene.values, more)


def count(workdir: pathlib.Path) -> int:
  """Number of steps of a run that were not finite."""
  return len(list((workdir / FOLDER).glob("step_*.npz")))


def checked(activations: dict[str, np.ndarray], keys: Sequence[str], what: str
            ) -> dict[str, np.ndarray]:
  """Lets no activation pass that is not finite: such features would be in tables unseen.

  Args:
    activations: {layer: [B, D]}, which are returned.
    keys: of examples [B].
    what: they are of, in words.

  Raises:
    FloatingPointError: if one is not; with the layer and the examples' keys.
  """
  for layer, values in activations.items():
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
      bad = [key for key, fine in zip(keys, finite) if not fine]
      raise FloatingPointError(
        f"{what}: {layer} is not finite for {text_lib.some(bad, _SHOWN)}. Nothing of it enters "
        "a table: look at these examples, or train the run again with a lower learning rate")
  return activations


def _path(workdir: pathlib.Path, step: int) -> pathlib.Path:
  return workdir / FOLDER / f"step_{step}.npz"


def _whose(scene: Scene) -> str:
  """The modalities and terms whose loss is not finite, in words."""
  bad = {name.removeprefix("loss/") for name, value in scene.values.items()
         if name.startswith("loss/") and not math.isfinite(value)}
  one = len(scene.method.terms) == 1  # which is called "alignment" in metrics
  terms = [term.name for term in scene.method.terms if ("alignment" if one else term.name) in bad]
  named = [f"modality {row.name}" for row in scene.modalities if row.name in bad]
  named += [f"term {name}" for name in terms]
  return f"It is that of {', '.join(named)}" if named else "The loss of each modality is finite"


def examine(scene: Scene, state: loop.State) -> Found:
  """Does a step again on this process' devices, and looks at each example and each gradient.

  Args:
    scene: of the step.
    state: before it, arrays [...] on the host.
  """
  batch = {name: {part: values for part, values in of.items() if part != "key"}
           for name, of in scene.batch.items()}
  key = jax.random.fold_in(jax.random.key(scene.config.seed), scene.step - 1)
  look = devices.pmap(_look(scene), batch_argnum=0, arguments=5, gathered=True)
  values, finite, sizes = jax.device_get(look(
    devices.shard(batch), state.trainable, state.frozen, scene.constants, key))
  examples, largest = {}, {}
  for name, layers in sizes.items():
    inputs = np.asarray(batch[name]["input"])
    sized = {"input": np.abs(inputs.astype(np.float32)).reshape(len(inputs), -1).max(1),
             **{layer: size.reshape(-1) for layer, size in layers.items()}}
    keys = [str(key) for key in scene.batch[name]["key"]]
    examples[name] = {key: bad for i, key in enumerate(keys) if (bad := next(
      (layer for layer, size in sized.items() if not np.isfinite(size[i])), None))}
    largest[name] = max(((key, layer, float(size[i])) for layer, size in sized.items()
                         for i, key in enumerate(keys) if np.isfinite(size[i])),
                        key=lambda found: found[2], default=("none", "none", 0.0))
  return Found({name: float(value[0]) for name, value in values.items()}, examples, largest,
               [f"{layer}/{owner}" for layer, owners in finite.items()
                for owner, value in owners.items() if not value.all()])


def _look(scene: Scene) -> Callable:
  """What a device does: metrics [], whether gradients are finite [], sizes of activations [B]."""
  config, method = scene.config, scene.method
  loss = loss_lib.of_device(config, method, scene.modalities)
  moments = devices.moments if method.normalised else None

  def look(batch, trainable, frozen, constants, key):
    size = len(batch[scene.modalities[0].name]["label"])
    gradient, observed = jax.grad(loss, has_aux=True)(
      trainable, {}, frozen, constants, batch, devices.example_keys(key, size), key)
    gradient, metrics = devices.mean((gradient, observed.metrics))
    finite = {layer: {owner: jnp.array([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)])
                      for owner, tree in owners.items()} for layer, owners in gradient.items()}
    sizes = {}
    for modality in scene.modalities:
      found = model.apply(loop.joined(frozen, trainable), batch[modality.name]["input"], modality,
                          method, config.network, moments=moments)
      sizes[modality.name] = {layer: jnp.abs(found[layer].astype(jnp.float32)).max(1)
                              for layer in limits.ACTIVATIONS}
    return metrics, finite, sizes

  return look


def to_text(scene: Scene, found: Found) -> str:
  """What was found, in words."""
  lines = [f"step {scene.step:,} of {scene.config.method}, seed {scene.config.seed}",
           "  then: " + _numbers(scene.values), "  now:  " + _numbers(found.values),
           _examples_of(found, few=False)]
  lines += [f"largest of {name}: {layer} of {key} is {value:.4g}"
            for name, (key, layer, value) in found.largest.items()]
  lines.append("gradients that are not finite: " + (", ".join(found.gradients) or "none"))
  return "\n".join(lines)


def _numbers(values: Mapping[str, float]) -> str:
  return ", ".join(f"{name} {value:.6g}" for name, value in values.items())


def _examples_of(found: Found, few: bool = True) -> str:
  named = [f"{name} {key} (from {layer} on)" for name, of in found.examples.items()
           for key, layer in of.items()]
  if named:
    shown = text_lib.some(named, _SHOWN if few else len(named))
    return f"Examples that are not finite: {shown}"
  largest = ", ".join(f"{name} {key} ({layer} {value:.3g})"
                      for name, (key, layer, value) in found.largest.items())
  return f"Every example by itself is finite; the largest: {largest}"


def _write(path: pathlib.Path, scene: Scene, state: loop.State) -> None:
  about = {"config": json.loads(fields.to_json(scene.config)), "step": scene.step,
           "values": scene.values, "terms": [term._asdict() for term in scene.method.terms],
           "modalities": [row._asdict() for row in scene.modalities]}
  tree = {"batch": scene.batch, "trainable": state.trainable, "frozen": state.frozen,
          "given": _plain(jax.device_get(scene.constants))}
  arrays = {"/".join(name): np.asarray(value)
            for name, value in flax.traverse_util.flatten_dict(tree).items()}
  path.parent.mkdir(parents=True, exist_ok=True)
  manifest.lift(manifest.beside(path))
  writing.write_arrays(path, {"about": np.array(json.dumps(about)), **arrays})
  manifest.seal(manifest.beside(path), _AGAIN, [path])


def read(path: pathlib.Path) -> tuple[Scene, loop.State]:
  """The scene of a dumped step, and the state before it, arrays [...] on the host.

  Raises:
    ValueError: if the file is damaged, or of another version.
  """
  manifest.check(manifest.beside(path))
  arrays = writing.read_arrays(path)
  try:
    about = json.loads(str(arrays.pop("about")))
    tree = {"frozen": {}, "given": {}, **flax.traverse_util.unflatten_dict(
      {tuple(name.split("/")): value for name, value in arrays.items()})}
    config = fields.from_dict(about["config"], config_lib.Config)
    terms = tuple(methods_lib.Term(**term) for term in about["terms"])
    rows = tuple(modalities_lib.Modality(**{**row, "shape": tuple(row["shape"])})
                 for row in about["modalities"])
    scene = Scene(config, methods_lib.named(config.method)._replace(terms=terms), rows,
                  _constants(tree["given"]), tree["batch"], about["step"], about["values"])
    return scene, loop.State(np.int32(scene.step - 1), tree["trainable"], tree["frozen"], None)
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(f"{path} is no dump of a step, or of another version of cmx: {error}"
                     ) from error


def _plain(constants: given.Constants) -> dict[str, Any]:
  """What terms are given as nested dicts of arrays, without what is None."""
  def some(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None}

  return some({"statistics": {layer: some({"mixture": some(found.mixture._asdict()),
                                           "share": found.share})
                              for layer, found in constants.statistics.items()},
               "prototypes": constants.prototypes})


def _constants(tree: Mapping[str, Any]) -> given.Constants:
  return given.Constants({
    layer: given.Statistics(gmm.Mixture(**found["mixture"]), found.get("share"))
    for layer, found in tree.get("statistics", {}).items()}, tree.get("prototypes"))
