"""Runs on disk: the work directory's claim, and its orbax checkpoints.

One run is `workdir/{config.json, checkpoints/, metrics.jsonl, ...}`. A checkpoint explains itself:
beside the state it carries the config, the classes and the modalities, so that it opens with no
other file.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp

from cmx import config as config_lib
from cmx import fields
from cmx import methods
from cmx import modalities as modalities_lib
from cmx.runtime import hosts
from cmx.runtime import provenance


class Run(NamedTuple):
  """A trained network, ready to apply: the notebook's one line.

  Attributes:
    config: of the run.
    classes: class names in label order.
    modalities: rows, with the shapes the towers were made for.
    params: {layer: {owner: tree of numpy arrays}}.
    step: number of steps trained.
    provenance: what the checkpoint says of how it was made: "command", "versions", "devices",
      "commit" and "data", the data set's fingerprint; {} in checkpoints that do not say.
  """

  config: config_lib.Config
  classes: tuple[str, ...]
  modalities: tuple[modalities_lib.Modality, ...]
  params: dict[str, dict[str, Any]]
  step: int
  provenance: Mapping[str, Any] = {}

  @property
  def method(self) -> methods.Method:
    """The row of the table that it is."""
    return methods.named(self.config.method)


class Checkpoints:
  """The checkpoints of a run: nested dicts of arrays, read back as numpy arrays.

  With `keep`, the number of newest ones that stay, it may write, and sweeps up what a killed save
  has left; without, it only reads and can stand beside a run that is being trained. Of processes
  that train together, the first writes and each reads for itself: what they hold is the same.
  """

  def __init__(self, workdir: pathlib.Path, keep: int | None = None):
    keep = keep if hosts.is_first() else None
    alone = ocp.options.MultiprocessingOptions()
    if hosts.several():
      index = jax.process_index()
      alone = ocp.options.MultiprocessingOptions(
        primary_host=index, active_processes={index}, barrier_sync_key_prefix=f"process_{index}")
    options = ocp.CheckpointManagerOptions(
      max_to_keep=keep, read_only=keep is None, cleanup_tmp_directories=keep is not None,
      multiprocessing_options=alone, create=False)
    folder = workdir.absolute() / "checkpoints"
    if keep is not None:
      folder.mkdir(parents=True, exist_ok=True)
    self._manager = ocp.CheckpointManager(folder, options=options)

  def __enter__(self):
    return self

  def __exit__(self, *exception):
    self._manager.close()

  def latest(self) -> int | None:
    """Step of the newest checkpoint, or None."""
    return self._manager.latest_step()

  def save(self, step: int, params: Any, optimizer: Any, card: Mapping[str, Any]) -> None:
    """Writes a checkpoint in the background; `card` is JSON that says what this is."""
    if not hosts.is_first() or step == self.latest():
      return
    params, optimizer = jax.device_get((params, optimizer))
    self._manager.save(step, args=ocp.args.Composite(
      params=ocp.args.StandardSave(params), optimizer=ocp.args.StandardSave(optimizer),
      card=ocp.args.JsonSave(dict(card))))

  def wait(self) -> None:
    """Returns when everything that was saved is on disk."""
    self._manager.wait_until_finished()

  def restore(self, step: int, item: str) -> Any:
    """"params" or "optimizer" of a step as nested dicts of numpy arrays, on whatever devices.

    They were saved as host arrays and are restored with no target, so the topology does not matter.
    """
    return self._read(step, item, ocp.args.StandardRestore())

  def card(self, step: int) -> dict[str, Any]:
    """The JSON saved beside a step."""
    return self._read(step, "card", ocp.args.JsonRestore())

  def _read(self, step: int, item: str, form: Any) -> Any:
    try:
      return self._manager.restore(step, args=ocp.args.Composite(**{item: form}))[item]
    except Exception as error:  # orbax, tensorstore and json say it in words of many kinds
      older = [other for other in self._manager.all_steps() if other != step]
      then = (f"it goes on from step {max(older)}" if older else
              "there is no other one, and training begins anew")
      folder = self._manager.directory / str(step)
      raise ValueError(f"{folder} is damaged or incomplete: its {item} does not read "
                       f"({type(error).__name__}: {str(error).splitlines()[0][:200]}). Remove that "
                       f"folder, and run launch.train or launch.reproduce again: {then}") from error


def card(config: config_lib.Config, classes: tuple[str, ...],
         modalities: tuple[modalities_lib.Modality, ...], fingerprint: str = "") -> dict[str, Any]:
  """What a checkpoint says of itself, as JSON; `fingerprint` is the data set's."""
  return {"config": json.loads(fields.to_json(config)), "classes": list(classes),
          "modalities": [m._asdict() for m in modalities],
          "provenance": {"data": fingerprint, **provenance.describe()}}


def latest_step(workdir: str | os.PathLike) -> int | None:
  """Step of a run's newest checkpoint, or None where it has none."""
  folder = pathlib.Path(workdir).absolute() / "checkpoints"
  if not folder.is_dir():
    return None
  with Checkpoints(folder.parent) as checkpoints:
    return checkpoints.latest()


def load_run(workdir: str | os.PathLike, *, params: bool = True) -> Run:
  """Opens the newest checkpoint of a run on this machine's devices, whatever it was trained on.

  Args:
    workdir: of the run.
    params: read the parameters; without them the run only says what it is.

  Raises:
    FileNotFoundError: if the directory holds no checkpoint.
    ValueError: if the newest one is damaged, with the older ones there are, or of another version.
  """
  path = pathlib.Path(workdir).absolute()
  if not (path / "checkpoints").is_dir():
    raise FileNotFoundError(f"{path} holds no checkpoints; expected a work directory of "
                            "launch.train")
  with Checkpoints(path) as checkpoints:
    step = checkpoints.latest()
    if step is None:
      raise FileNotFoundError(f"{path}/checkpoints is empty; run launch.train with this --workdir")
    content = checkpoints.card(step)
    tree = checkpoints.restore(step, "params") if params else {}
  try:
    rows = tuple(modalities_lib.Modality(**{**row, "shape": tuple(row["shape"])})
                 for row in content["modalities"])
    config = fields.from_dict(content["config"], config_lib.Config)
    return Run(config, tuple(content["classes"]), rows, tree, step, content.get("provenance", {}))
  except (KeyError, TypeError, ValueError, AttributeError) as error:
    raise ValueError(f"{path}/checkpoints/{step}: its card is not one of this version of cmx "
                     f"({error}); open it with the version that wrote it, or train again in "
                     "another folder") from error
