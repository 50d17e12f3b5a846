"""Fits on disk: kept with the settings they were made by, and gone on with where they stopped.

  <path>.npz         a fit, or other arrays
  <path>.state.npz   where an unfinished fit stands, after each iteration
"""

import json
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from absl import logging
import jax
import numpy as np

from cmx.files import manifest
from cmx.files import writing
from cmx.mixture import em
from cmx.mixture import gmm
from cmx.mixture import passes
from cmx.runtime import progress

_AGAIN = "Run launch.fit, launch.train or launch.reproduce again: it is fitted anew"

Settings = dict[str, Any]  # what a fit depends on, as JSON: em.fit's, and what names the examples


class StoredFit(NamedTuple):
  """A fit that is on disk, and the seconds that it took."""

  fit: em.Fit
  seconds: float


def read_or_fit(path: pathlib.Path, settings: Settings, key: jax.Array,
                activations: passes.Activations, what: str) -> StoredFit:
  """The fit of a file: read, or made, kept there and described in the log.

  Args:
    path: ends in .npz.
    settings: "components" and `em.Options` by name, and more that the examples depend on.
    key: see `em.fit`.
    activations: to fit on; passed over where the file is not there.
    what: is fitted, e.g. "mixture of fc7".

  Raises:
    ValueError: as `em.fit`, or if a file is damaged or of other settings.
  """
  unfinished = path.with_suffix(".state.npz")

  def make():
    fit, seconds = _resumed(unfinished, settings, key, activations, what)
    logging.info("%s: %s, %s. Written: %s", what, describe(fit), progress.duration(seconds), path)
    return {**_packed(fit), "seconds": seconds}

  arrays = read_or_make(path, settings, make)
  if unfinished.exists():  # not asked to unlink where nothing may be written
    unfinished.unlink(missing_ok=True)
  return StoredFit(_unpacked(arrays), float(arrays["seconds"]))


def read_or_make(path: pathlib.Path, settings: Settings,
                 make: Callable[[], Mapping[str, Any]]) -> dict[str, np.ndarray]:
  """The arrays {name: [...]} of a file: read, or made and kept there.

  Raises:
    ValueError: if the file is damaged or of other settings.
  """
  found = _found(path, settings)
  if found is None:
    with writing.held(path):
      if _found(path, settings) is None:  # else another process has made it meanwhile
        _write(path, settings, make())
      return _read(path, settings)
  return found


def _found(path: pathlib.Path, settings: Settings) -> dict[str, np.ndarray] | None:
  """The arrays of a file as it was written; None where there is none, or the log says it is not."""
  whole = manifest.is_whole(manifest.beside(path), "It is fitted again")
  return _read(path, settings) if whole and path.exists() else None


def read_or_fit_with_shares(path: pathlib.Path, settings: Settings,
                            make: Callable[[], tuple[em.Fit, np.ndarray]]
                            ) -> tuple[em.Fit, np.ndarray]:
  """A fit and how much of each class falls on each component [C, K]; see `read_or_make`."""
  def arrays():
    fit, share = make()
    return {**_packed(fit), "share": share}

  stored = read_or_make(path, settings, arrays)
  return _unpacked(stored), stored["share"]


def _resumed(unfinished: pathlib.Path, settings: Settings, key: jax.Array,
             activations: passes.Activations, what: str) -> StoredFit:
  """`em.fit` with a line of progress and its state on disk after each iteration."""
  state, before, started = None, 0.0, time.monotonic()
  if unfinished.exists():
    arrays = _read(unfinished, settings)
    state = em.State(_unpacked(arrays, "current_"), _unpacked(arrays, "best_"))
    before = float(arrays["seconds"])
  iterations, restarts = settings["iterations"], settings["restarts"]
  title = f"{what}, K={settings['components']}"
  with progress.Progress(title, restarts * iterations, "iterations") as line:
    def on_iteration(state: em.State) -> None:
      history = state.current.history
      line.update(state.current.restart * iterations + len(history),
                  f"{history[-1]:.2f} nats per example")
      _write_arrays(unfinished, settings, {
        **_packed(state.current, "current_"), **_packed(state.best, "best_"),
        "seconds": before + time.monotonic() - started})

    options = em.Options(*(settings[name] for name in em.Options._fields))
    fit = em.fit(activations.chunks, settings["components"], key, options, state=state,
                 on_iteration=on_iteration, name=activations.name)
  return StoredFit(fit, before + time.monotonic() - started)


def _packed(fit: em.Fit | None, prefix: str = "") -> dict[str, Any]:
  """A fit as arrays by name; nothing for None."""
  if fit is None:
    return {}
  fields = {**fit.mixture._asdict(), **fit._asdict()}
  return {prefix + name: value for name, value in fields.items()
          if name != "mixture" and value is not None}


def _unpacked(arrays: Mapping[str, np.ndarray], prefix: str = "") -> em.Fit | None:
  """The fit that `_packed` made these arrays of, or None."""
  fields = {name.removeprefix(prefix): value for name, value in arrays.items()
            if name.startswith(prefix)}
  if "weight" not in fields:
    return None
  mixture = gmm.Mixture(**{name: fields[name] for name in gmm.Mixture._fields if name in fields})
  return em.Fit(mixture, fields["history"].tolist(), fields["reseeded"].tolist(),
                bool(fields["converged"]), int(fields["restart"]), int(fields["examples"]),
                fields["dead_units"])


def _write(path: pathlib.Path, settings: Settings, arrays: Mapping[str, Any]) -> None:
  """Writes a file that is finished, and its manifest."""
  manifest.lift(manifest.beside(path))
  _write_arrays(path, settings, arrays)
  manifest.seal(manifest.beside(path), _AGAIN, [path])


def _write_arrays(path: pathlib.Path, settings: Settings, arrays: Mapping[str, Any]) -> None:
  writing.write_arrays(path, {"settings": json.dumps(settings), **arrays})


def _read(path: pathlib.Path, settings: Settings) -> dict[str, np.ndarray]:
  """The arrays of a file; ValueError if it is damaged, or its settings are others."""
  try:
    arrays = writing.read_arrays(path)
    theirs = json.loads(str(arrays.pop("settings")))
  except (OSError, ValueError, KeyError, RecursionError) as error:
    raise ValueError(f"{path} is damaged or no fit of this version ({error}); remove it to fit "
                     "again") from error
  other = [f"{name}: {settings.get(name)} | {theirs.get(name)}" for name in settings | theirs
           if settings.get(name) != theirs.get(name)]
  if other:
    raise ValueError(f"{path} holds a fit of other settings (asked for | found there):\n  "
                     + "\n  ".join(other) + "\nRemove it to fit again, or ask for the same.")
  return arrays


def describe(fit: em.Fit) -> str:
  """One line on a fit: size, likelihood, and what a user should know of."""
  components, width = fit.mixture.mean.shape
  notes = [f"{len(fit.dead_units)} dead units"] if len(fit.dead_units) else []
  notes += [f"{sum(fit.reseeded)} empty components put elsewhere"] if any(fit.reseeded) else []
  notes += [] if fit.converged else ["not converged"]
  value = fit.history[-1]
  return ", ".join([f"K={components} D={width} N={fit.examples}: {value:.2f} nats per example "
                    f"({value / width:.3f} per dimension) after {len(fit.history) - 1} "
                    "iterations", *notes])
