"""Runs on disk: the work directory's claim, and its orbax checkpoints.

One run is `workdir/{config.json, checkpoints/, metrics.jsonl, ...}`. A checkpoint explains itself:
beside the state it carries the config, the classes and the modalities, so that it opens with no
other file.
"""

import contextlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from absl import logging
import jax
import numpy as np
import orbax.checkpoint as ocp

from cmx import config as config_lib
from cmx import fields
from cmx import methods
from cmx import modalities as modalities_lib
from cmx.files import disk
from cmx.files import manifest
from cmx.files import writing
from cmx.network import model
from cmx.runtime import hosts
from cmx.runtime import provenance
from cmx.runtime import signals


FOLDER = "checkpoints"
_LATER = "_CHECKPOINT_METADATA"  # orbax puts the time into it last: times and kinds of items alone
_AGAIN = "Run launch.train or launch.reproduce again: it goes on from an older one, or anew"
_NEVER_S = 10 * 365 * 24 * 3600
_BESIDE = 1 << 20  # bytes of a checkpoint that are not arrays, at most


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

  @property
  def name(self) -> str:
    """As printed: its row's, and what was added to it later."""
    later = self.config.extension.modality
    return f"{self.method.name}, {later} added later" if later else self.method.name


def of_modality(run: Run, modality: modalities_lib.Modality) -> Run:
  """The run for one of its modalities alone, with no other's parameters."""
  return run._replace(modalities=(modality,),
                      params=model.of_modality(run.params, modality, run.method))


class Checkpoints:
  """The checkpoints of a run: nested dicts of arrays, read back as numpy arrays.

  With `keep`, the number of newest ones that stay, it may write, sweeps up what a killed process
  has left and sets aside newest ones that are damaged; without, it only reads and can stand beside
  a run that is being trained. Each has a manifest, written before the checkpoint has its name. Of
  processes that train together, the first writes and each reads for itself: what they hold is the
  same.
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
      multiprocessing_options=alone, create=False,
      async_options=ocp.AsyncOptions(  # orbax's time-out goes by a clock that may be set
        timeout_secs=_NEVER_S, post_finalization_callback=self._seal))
    self._folder, self._saving = workdir.absolute() / FOLDER, 0
    if keep is not None:
      self._folder.mkdir(parents=True, exist_ok=True)
      for left in self._folder.glob(f"*{writing.INCOMPLETE}"):
        shutil.rmtree(left, ignore_errors=True)
      _set_aside_damaged(self._folder)
    self._manager = ocp.CheckpointManager(self._folder, options=options)

  def __enter__(self):
    return self

  def __exit__(self, *exception):
    with signals.deferred():
      self._manager.close()

  def latest(self) -> int | None:
    """Step of the newest checkpoint, or None."""
    return self._manager.latest_step()

  def save(self, step: int, params: Any, optimizer: Any, card: Mapping[str, Any]) -> None:
    """Writes a checkpoint in the background.

    Args:
      step: number of steps done.
      params: nested dicts of arrays.
      optimizer: the same; None leaves it out, of a run that is not to go on.
      card: JSON that says what this is.

    Raises:
      disk.NotWritten: if there is no room for it, or this is so of the one before.
    """
    if not hosts.is_first() or step == self.latest():
      return
    params, optimizer = jax.device_get((params, optimizer))
    needed = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves((params, optimizer)))
    with disk.explained(self._folder, needed):
      self._manager.wait_until_finished()
      disk.check_room(self._folder, needed + _BESIDE)
      self._saving = step
      trees = {"params": params} if optimizer is None else {"params": params,
                                                            "optimizer": optimizer}
      self._manager.save(step, args=ocp.args.Composite(
        card=ocp.args.JsonSave(dict(card)),
        **{name: ocp.args.StandardSave(tree) for name, tree in trees.items()}))

  def _seal(self) -> None:
    """Called when all of a checkpoint is written, and it is to be given its name."""
    unfinished, = self._folder.glob(f"{self._saving}.*tmp*")
    writing.sync_all(unfinished)
    manifest.seal(manifest.of(unfinished), _AGAIN, apart=[_LATER])

  def wait(self) -> None:
    """Returns when everything that was saved is on disk.

    Raises:
      disk.NotWritten: if there was no room for it.
    """
    with signals.deferred(), disk.explained(self._folder):
      self._manager.wait_until_finished()
    if hosts.is_first():
      writing.sync(self._folder)

  def keep_newest(self) -> None:
    """Removes all checkpoints but the newest, once that is on disk; for a run that is finished.

    Raises:
      disk.NotWritten: if there was no room for the newest.
    """
    self.wait()
    steps = sorted(self._manager.all_steps()) if hosts.is_first() else []
    for step in steps[:-1]:
      # Another name first, so that a kill leaves none that has its name and is not whole.
      going = self._folder / f"{step}{writing.INCOMPLETE}"
      (self._folder / str(step)).replace(going)
      shutil.rmtree(going, ignore_errors=True)

  def restore(self, step: int, item: str) -> Any:
    """"params" or "optimizer" of a step as nested dicts of numpy arrays, on whatever devices.

    They were saved as host arrays and are restored with no target, so the topology does not matter.
    """
    return self._read(step, item, ocp.args.StandardRestore())

  def card(self, step: int) -> dict[str, Any]:
    """The JSON saved beside a step."""
    return self._read(step, "card", ocp.args.JsonRestore())

  def _read(self, step: int, item: str, form: Any) -> Any:
    folder = self._folder / str(step)
    try:
      # What a run says of itself is asked for often, for many runs; its numbers are not.
      with manifest.lightly() if item == "card" else contextlib.nullcontext():
        manifest.check(manifest.of(folder))
      return self._manager.restore(step, args=ocp.args.Composite(**{item: form}))[item]
    except manifest.Damaged as error:
      raise manifest.Damaged(error.manifest, error.files, self._again(step)) from error
    except Exception as error:  # orbax, tensorstore and json say it in words of many kinds
      said = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
      raise ValueError(f"{folder}/{item} is damaged or incomplete: it does not read ({said}). "
                       f"Remove {folder}. {self._again(step)}") from error

  def _again(self, step: int) -> str:
    older = [other for other in self._manager.all_steps() if other != step]
    then = (f"it goes on from step {max(older)}" if older else
            "there is no other checkpoint, and it begins anew")
    return f"Run launch.train or launch.reproduce again: {then}"


def _newest_first(folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, manifest.Damaged | None]]:
  """Each checkpoint, the newest first, and what is wrong with it."""
  steps = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
  for step in sorted(steps, reverse=True):
    yield folder / str(step), manifest.damage(manifest.of(folder / str(step)))


def _set_aside_damaged(folder: pathlib.Path) -> None:
  """Renames newest checkpoints that are damaged, so that training goes on from a whole one."""
  for path, error in _newest_first(folder):
    if error is None:
      return
    aside = path.with_name(f"{path.name}{manifest.ASIDE}")
    shutil.rmtree(aside, ignore_errors=True)
    path.replace(aside)
    logging.warning("%s. It is set aside as %s, and training goes on from what is whole",
                    error.what, aside)


def goes_on(workdir: str | os.PathLike) -> bool:
  """Whether training goes on from a checkpoint of a run: from one that is whole."""
  folder = pathlib.Path(workdir) / FOLDER
  return folder.is_dir() and any(error is None for _, error in _newest_first(folder))


def card(config: config_lib.Config, classes: tuple[str, ...],
         modalities: tuple[modalities_lib.Modality, ...], fingerprint: str = "") -> dict[str, Any]:
  """What a checkpoint says of itself, as JSON; `fingerprint` is the data set's."""
  return {"config": json.loads(fields.to_json(config)), "classes": list(classes),
          "modalities": [m._asdict() for m in modalities],
          "provenance": {"data": fingerprint, **provenance.describe()}}


def latest_step(workdir: str | os.PathLike) -> int | None:
  """Step of a run's newest checkpoint, or None where it has none."""
  folder = pathlib.Path(workdir).absolute() / FOLDER
  if not folder.is_dir():
    return None
  with Checkpoints(folder.parent) as checkpoints:
    return checkpoints.latest()


def trained(workdir: str | os.PathLike, step: int) -> Run | None:
  """The run whose newest checkpoint is of that step; None where it has another, or is damaged.

  Raises:
    ValueError: as `load_run`, but for what the manifest of the checkpoint notices.
  """
  if latest_step(workdir) != step:
    return None
  try:
    return load_run(workdir)
  except manifest.Damaged as error:
    logging.warning("%s", error)
    return None


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
  if not (path / FOLDER).is_dir():
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
