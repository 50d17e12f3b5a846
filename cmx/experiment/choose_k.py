"""Choosing K: mixtures of rising numbers of components, and what examples held out say of each.

  <reference>/ladder/{ladder.txt, ladder.csv, ladder.json, ladder.png, ladder.pdf}

The fits are those that training uses: a K that is chosen here is not fitted again.
"""

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import logging

from cmx import config as config_lib
from cmx import data
from cmx.analysis import figures
from cmx.evaluation import features
from cmx.experiment import minutes
from cmx.experiment import mixtures
from cmx.files import grids
from cmx.files import manifest
from cmx.mixture import em
from cmx.mixture import gmm
from cmx.mixture import passes
from cmx.mixture import store
from cmx.runtime import progress
from cmx.runtime import speed
from cmx.training import checkpoint

NAME = "ladder"  # of the folder and of the files in it
_BLOCK = 4_096  # examples whose likelihood is taken at once

_Rung = dict[str, Any]  # see `climb`
_COLUMNS = {  # key of a rung: head of its column and how it is written
  "layer": ("layer", "{}"), "components": ("K", "{:,}"), "held_out": ("held out", "{:.4f}"),
  "train": ("train", "{:.4f}"), "bic": ("BIC", "{:.2f}"), "parameters": ("parameters", "{:,}"),
  "iterations": ("iterations", "{}"), "reseeded": ("reseeded", "{}"), "dead": ("dead", "{}"),
  "seconds": ("seconds", "{:.1f}")}


def climb(config: config_lib.Config, run: checkpoint.Run, dataset: data.Dataset,
          reference: pathlib.Path, components: Sequence[int]) -> list[_Rung]:
  """Fits every layer of `config.mixture.layers` with every number of components.

  Args:
    config: how mixtures are fitted.
    run: trained reference network.
    dataset: opened and encoded.
    reference: its work directory; fits that are there are read.
    components: K of each rung.

  Returns:
    A dict for each layer and K, layers in order, K rising: {"layer", "components", "width": D,
    "examples": N fitted on, "held_out": and "train": mean log likelihood of an example and
    dimension, nats, of validation and of the examples fitted on, "bic": of an example, nats,
    "parameters", "iterations", "converged", "reseeded": empty components put somewhere else,
    "dead": units whose value never changes, "seconds"}.

  Raises:
    ValueError: if there are no rungs, one is below 1, or as `em.fit` for any of them.
  """
  settings = config.mixture
  for count in components:
    em.check(count, settings.covariance, settings.restarts)
  if not components:
    raise ValueError("no numbers of components; expected 1 or more")
  folder, modality = reference / NAME / data.VALIDATION, run.modalities[0].name
  available = min(settings.examples, len(dataset.splits[data.TRAIN][modality]))
  if max(components) > available:
    raise ValueError(f"{max(components)} components; expected {available} at most, the number of "
                     "examples that mixtures are fitted on")
  logging.info("%d mixtures: %s", len(settings.layers) * len(set(components)), progress.about(
    minutes.mixtures(available, config, components, speed.flops_per_second())))
  held_out = features.extract(run, dataset, data.VALIDATION, list(settings.layers), folder,
                              batch=config.evaluation.batch)[modality]
  return [_rung(mixtures.fit_of_layer(config, run, dataset, reference, layer, count), layer, count,
                held_out[layer])
          for layer in settings.layers for count in sorted(set(components))]


def _rung(stored: store.StoredFit, layer: str, components: int, held_out: Any) -> _Rung:
  fit, width = stored.fit, held_out.shape[1]
  size, count = min(_BLOCK, len(held_out)), gmm.free_parameters(fit.mixture)
  likelihood = em.mean_log_prob(passes.of_array(held_out), size, fit.mixture)
  return {
    "layer": layer, "components": components, "width": width, "examples": fit.examples,
    "held_out": likelihood / width, "train": fit.history[-1] / width,
    "bic": count * math.log(fit.examples) / fit.examples - 2 * fit.history[-1],
    "parameters": count, "iterations": len(fit.history) - 1, "converged": fit.converged,
    "reseeded": sum(fit.reseeded), "dead": len(fit.dead_units), "seconds": stored.seconds}


def best(rungs: Sequence[_Rung], layer: str) -> _Rung:
  """The rung of a layer that what was held out is likeliest under; the lowest of several."""
  return max((rung for rung in rungs if rung["layer"] == layer), key=lambda rung: rung["held_out"])


def _to_text(rungs: Sequence[_Rung]) -> str:
  """The ladder as a table, and which rung is best."""
  lines = [[head for head, _ in _COLUMNS.values()]]
  lines += [[form.format(rung[key]) for key, (_, form) in _COLUMNS.items()] for rung in rungs]
  first = rungs[0]
  text = [f"Log likelihood, nats per example and dimension: held out, {data.VALIDATION} split of "
          f"the reference modality; train, the {first['examples']:,} examples fitted on.",
          "BIC: of an example, in nats; less is better. reseeded: empty components that were put "
          "somewhere else. dead: units that never change.", ""]
  text += grids.columns(lines, left=0)
  layers = dict.fromkeys(rung["layer"] for rung in rungs)
  text += ["", *(_verdict(rungs, layer) for layer in layers)]
  return "\n".join(text) + "\n"


def _verdict(rungs: Sequence[_Rung], layer: str) -> str:
  top, last = best(rungs, layer), max(
    rung["components"] for rung in rungs if rung["layer"] == layer)
  further = ", the highest tried: more may be better" if top["components"] == last else ""
  return f"{layer}: best held out at K = {top['components']:,}{further}"


def write(reference: pathlib.Path, rungs: Sequence[_Rung]) -> str:
  """Writes table and plot below the reference network; returns the text."""
  folder, text = reference / NAME, _to_text(rungs)
  manifest.write_texts(folder, {
    f"{NAME}.json": json.dumps(list(rungs), indent=1), f"{NAME}.csv": grids.records_to_csv(rungs),
    f"{NAME}.txt": text}, "Run launch.ladder again: it is written anew")
  with figures.style():
    figures.write(_figure(rungs), folder, NAME)
  return text


def _figure(rungs: Sequence[_Rung]) -> Any:
  """A panel for each layer: likelihood against K, held out and of the examples fitted on."""
  layers = list(dict.fromkeys(rung["layer"] for rung in rungs))
  drawing, (axes,) = figures.new(3.2 * len(layers) + 1.2, 2.9, 1, len(layers))
  for axis, layer in zip(axes, layers):
    mine = [rung for rung in rungs if rung["layer"] == layer]
    k = [rung["components"] for rung in mine]
    for key, label, colour, line in (("held_out", "held out", figures.COLOURS[0], "-"),
                                     ("train", "fitted on", figures.COLOURS[1], "--")):
      axis.plot(k, [rung[key] for rung in mine], line, color=colour, marker="o", markersize=4,
                label=label)
    top = best(rungs, layer)
    axis.axvline(top["components"], color=figures.MUTED, linewidth=0.7, linestyle=":")
    axis.set_xscale("log", base=2)
    axis.set_xticks(k, [f"{count:,}" for count in k])
    axis.minorticks_off()
    axis.set(title=f"{layer}: best at K = {top['components']:,}", xlabel="components K")
    axis.grid(axis="y")
  axes[0].set_ylabel("nats per example and dimension")
  handles, labels = axes[0].get_legend_handles_labels()
  drawing.legend(handles, labels, loc="outside lower center", ncols=2)
  return drawing
