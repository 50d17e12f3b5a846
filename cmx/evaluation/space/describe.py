"""All that is measured of one space, as plain values: what a file holds and a page shows.

Numbers are fractions; None stands where there is nothing to say.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx import modalities as modalities_lib
from cmx.evaluation import readouts
from cmx.evaluation import results
from cmx.evaluation import retrieval
from cmx.evaluation.space import geometry
from cmx.evaluation.space import measures
from cmx.evaluation.space import mixed
from cmx.evaluation.space import probes
from cmx.runtime import progress

Features = Mapping[str, retrieval.Activations]


def tables(features: Features, layers: Sequence[str],
           statistics: Mapping[str, readouts.Statistics]
           ) -> tuple[list[retrieval.Table], dict[str, str]]:
  """Retrieval by every read-out that can be had, and why others cannot.

  Args:
    features: {modality: {layer: [N, D], "label": [N]}}.
    layers: to compare, the main one first.
    statistics: {layer: of `readouts.fit`}; a layer may be missing.

  Returns:
    Tables, read-outs in their order and layers within; {"layer read-out": why it is not there}.
  """
  kinds = dict.fromkeys((readouts.named(name).layer or layer, name)
                        for name in readouts.READOUTS for layer in layers)
  found, missing = [], {}
  with progress.Progress("read-outs", len(kinds), "tables") as line:
    for i, (layer, name) in enumerate(kinds):
      own = statistics.get(layer, {})
      if why := readouts.obstacle(name, features, layer, own):
        missing[f"{layer} {name}"] = why
      else:
        found.append(retrieval.retrieval_table(features, layer, name, own))
      line.update(i + 1)
  return found, missing


def describe(found: retrieval.Vectors, modalities: Sequence[modalities_lib.Modality],
             classes: Sequence[str], training: retrieval.Vectors | None = None) -> dict[str, Any]:
  """Every measure of a space.

  Args:
    found: vectors of what is evaluated.
    modalities: their rows, in table order.
    classes: names in label order.
    training: vectors of training examples by the same read-out, for probes; None for none.

  Returns:
    {"layer", "readout", "modalities": [code], "text": [code], "groups": {name: [pair]},
     "cells": {pair: cell}, "by_class": {pair: {class: mAP}},
     "mixed": {code: {**cell, "own", "expected"}},
     "gaps": {"NAT>CLP": {"centroid", "centroid_chance", "distribution", "a_distance"}}, each two
     modalities once, {} where widths differ, "hubness": {pair: {"skewness", "chance"}},
     "probes": {pair: {"accuracy", "chance"}}, {} without training examples}, with cell =
     {"measures" | "chance": {measure: fraction}, "queries", "left_out": queries without a relevant
     item, "gallery", "relevant": [fewest, most]}.
  """
  codes = results.codes(modalities)
  text = [codes[row.name] for row in modalities if row.kind == "text"]
  content = {"layer": found.layer, "readout": found.readout, "modalities": list(codes.values()),
             "text": text, "groups": groups(list(codes.values()), text),
             "cells": {}, "by_class": {}, "mixed": {}, "gaps": {}, "hubness": {}, "probes": {}}
  pairs = list(itertools.product(codes, codes))
  with progress.Progress("measures", len(pairs) + len(codes), "galleries") as line:
    for i, (query, gallery) in enumerate(pairs):
      ours, theirs = found.pair(query, gallery)
      labels, same, key = found.labels[query], query == gallery, f"{codes[query]}>{codes[gallery]}"
      cell = measures.cell(lambda part, a=ours, b=theirs: a[part] @ b.T, labels,
                           found.labels[gallery], own=np.arange(len(labels)) if same else None)
      content["cells"][key] = _plain(cell)
      content["by_class"][key] = _by_class(cell.values["mAP"], labels, classes)
      content["hubness"][key] = geometry.hubness(ours, theirs, same)._asdict()
      line.update(i + 1)
    for i, (name, code) in enumerate(codes.items()):
      own = mixed.mixed(found, name)
      content["mixed"][code] = {**_plain(own.cell), "own": own.own, "expected": own.expected}
      line.update(len(pairs) + i + 1)
  content["gaps"] = _gaps(found, codes)
  if training is not None:
    told = probes.probes(training.x, training.labels, found.x, found.labels)
    content["probes"] = {f"{codes[a]}>{codes[b]}": {key: results.number(value) for key, value
                                                    in probe._asdict().items()}
                         for (a, b), probe in told.items()}
  return content


def groups(codes: Sequence[str], text: Sequence[str]) -> dict[str, list[str]]:
  """Pairs by the name of their mean: `results.pair_groups`, and those of each query and target."""
  found = results.pair_groups(codes, text)
  for code in codes:
    others = [other for other in codes if other != code]
    if others:
      found[f"query {code}"] = [f"{code}>{other}" for other in others]
      found[f"target {code}"] = [f"{other}>{code}" for other in others]
  return found


def group(content: Mapping[str, Any], name: str, measure: str,
          of: str = "measures") -> float | None:
  """Mean of a measure, or ("chance") of what chance gives, over the cells of a group."""
  values = [content["cells"][pair][of][measure] for pair in content["groups"][name]]
  return results.spread(values)["mean"]


def of_classes(content: Mapping[str, Any]) -> dict[str, float | None]:
  """mAP of each class, mean over pairs of different modalities that ask it."""
  pairs = content["groups"].get("mean", content["groups"]["same"])
  names = dict.fromkeys(name for pair in pairs for name in content["by_class"][pair])
  return {name: results.spread(content["by_class"][pair].get(name) for pair in pairs)["mean"]
          for name in names}


class Across(NamedTuple):
  """Read-outs x rows of one layer: means over pairs of modalities.

  Attributes:
    layer: whose activations are compared; the first layer has what reads another one, too.
    readouts: names.
    rows: (name of the row, a spread of `results.spread` for each read-out).
    chance: fraction for each read-out, None where unknown.
  """

  layer: str
  readouts: Sequence[str]
  rows: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
  chance: Sequence[float | None]


def across(content: Mapping[str, Any]) -> list[Across]:
  """The layers of `results.aggregate`'s content, the main one first."""
  group = "mean" if "mean" in content["groups"] else "same"
  fixed = {row.layer for row in readouts.READOUTS.values() if row.layer}
  layers = [*dict.fromkeys(table["layer"] for table in content["tables"]
                           if table["layer"] not in fixed)] or sorted(fixed)
  found = []
  for layer in layers:
    tables = [table for table in content["tables"] if table["layer"] == layer
              or layer == layers[0] and table["layer"] in fixed]
    means = [{row["name"]: row["map"]["groups"][group] for row in table["rows"]}
             for table in tables]
    names = dict.fromkeys(name for own in means for name in own)
    found.append(Across(
      layer, [table["readout"] for table in tables],
      [(name, [own.get(name, results.spread(())) for own in means]) for name in names],
      [table["chance"]["groups"][group]["mean"] for table in tables]))
  return found


def _plain(cell: measures.Cell) -> dict[str, Any]:
  there = cell.relevant > 0
  means = {key: {name: float(values[there].mean()) if there.any() else None
                 for name, values in part.items()}
           for key, part in (("measures", cell.values), ("chance", cell.chance))}
  ends = [int(end(cell.relevant[there])) for end in (np.min, np.max)] if there.any() else [0, 0]
  return {**means, "queries": int(there.sum()), "left_out": int((~there).sum()),
          "gallery": cell.gallery, "relevant": ends}


def _by_class(values: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
  asked = labels[~np.isnan(values)]
  return {classes[label]: float(np.nanmean(values[labels == label])) for label in np.unique(asked)}


def _gaps(found: retrieval.Vectors, codes: Mapping[str, str]) -> dict[str, dict[str, float]]:
  if len({x.shape[1] for x in found.x.values()}) > 1 or any(len(x) < 2 for x in found.x.values()):
    return {}
  content = {}
  for a, b in itertools.combinations(codes, 2):
    content[f"{codes[a]}>{codes[b]}"] = {
      **geometry.gap(found.x[a], found.x[b])._asdict(),
      "a_distance": probes.a_distance(found.x[a], found.x[b])}
  return content
