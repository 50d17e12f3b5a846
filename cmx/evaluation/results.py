"""Results of runs as plain dicts: what one run leaves, and all methods and seeds as one table.

Numbers are fractions; a cell that is undefined is None. Nothing here touches a file.
"""

import itertools
import math
import statistics
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cmx import modalities as modalities_lib
from cmx.evaluation import paper as paper_lib
from cmx.evaluation import ranking
from cmx.evaluation import retrieval

_STATISTICS = ("map", "chance", "balanced", "balanced_chance")


def run_result(method: str, name: str, seed: int, modalities: Sequence[modalities_lib.Modality],
               tables: Sequence[retrieval.Table],
               recognition: Mapping[str, retrieval.Recognition], *,
               split: str = "validation", classes: Sequence[str] = (),
               training: Mapping[str, int] = types.MappingProxyType({})) -> dict[str, Any]:
  """What evaluation stores of one run: plain values only, None where a cell is undefined.

  Args:
    method: key of the row, e.g. "c".
    name: the row's name as printed, e.g. "C: Tune + StatReg (GMM)"; the paper's rows by theirs.
    seed: of the run.
    modalities: rows of the data set, in table order; those of kind "text" split the means.
    tables: over the modalities' names; a layer and read-out that comes again is stored once (the
      posterior reads fc8 at whatever layer it is asked).
    recognition: {modality name: Recognition}; {} where the classes are none of the classifier's.
    split: evaluated on.
    classes: names in label order; () where nobody said.
    training: {modality name: training examples}; {} where nobody counted.

  Returns:
    {"method", "name", "seed", "split", "classes": [name], "modalities": [code], "text": [code],
     "names": {code: modality name}, "training": {code: examples},
     "tables": [{"layer", "readout", one of `_STATISTICS`: {pair: fraction},
     "queries" | "gallery": {pair: count}, "relevant": {pair: [fewest, most]}}],
     "recognition": {code: {"accuracy", "balanced", "examples"}}}; pairs: "NAT>CLP", "NAT>NAT" ...

  Raises:
    ValueError: if a table or the recognition lacks a modality.
  """
  names, code_of = [row.name for row in modalities], codes(modalities)
  for what, given in [("recognition", recognition or names),
                      *((f"table {table.layer}", table.modalities) for table in tables)]:
    if set(given) != set(names):
      raise ValueError(f"{what} has modalities {', '.join(given)}; expected {', '.join(names)}")
  once = {(table.layer, table.readout): table for table in tables}
  return {
    "method": method, "name": name, "seed": int(seed), "split": split,
    "classes": list(classes), "modalities": list(code_of.values()),
    "text": [code_of[row.name] for row in modalities if row.kind == "text"],
    "names": {code: name for name, code in code_of.items()},
    "training": {code_of[name]: int(training[name]) for name in names if name in training},
    "tables": [_plain_table(table, code_of) for table in once.values()],
    "recognition": {code: recognition[name]._asdict() for name, code in code_of.items()
                    if recognition}}


def codes(modalities: Sequence[modalities_lib.Modality]) -> dict[str, str]:
  """{modality: its code}; the whole name where two rows would have one code."""
  every = [row.code for row in modalities]
  return {row.name: row.name if every.count(row.code) > 1 else row.code for row in modalities}


def _plain_table(table: retrieval.Table, codes: Mapping[str, str]) -> dict[str, Any]:
  cells = [(f"{codes[q]}>{codes[g]}", (i, j)) for i, q in enumerate(table.modalities)
           for j, g in enumerate(table.modalities)]
  arrays = {"map": table.mean, **{key: getattr(table, key) for key in _STATISTICS[1:]}}
  plain = {key: {pair: number(values[at]) for pair, at in cells} for key, values in arrays.items()}
  counts = {key: {pair: getattr(table, key)[at].tolist() for pair, at in cells}
            for key in ("queries", "gallery", "relevant")}
  return {"layer": table.layer, "readout": table.readout, **plain, **counts}


def number(value: float) -> float | None:
  """As JSON has it: None for NaN."""
  return None if math.isnan(value) else float(value)


def aggregate(results: Sequence[Mapping[str, Any]], *, paper: bool = False) -> dict[str, Any]:
  """One table of all methods and seeds; rows in the order in which methods first appear.

  Means over pairs leave out the diagonal and undefined cells. The spread is the sample standard
  deviation over seeds, None for a single seed. Lift = (mAP - chance) / (1 - chance), cell by cell.

  Args:
    results: dicts of `run_result`, any number of seeds a method.
    paper: put the paper's means over the same pairs beside rows that it has, where the classes are
      the paper's.

  Returns:
    {"unit", "split", "classes", "modalities", "text", "names", "training" as of `run_result`,
     "groups": {name of a mean: [pair]},
     "tables": [{"caption", "layer", "readout",
                 "rows": [{"method", "name", "seeds", "paper",
                           "map" | "balanced" | "lift": summary}],
                 "chance" | "balanced_chance": summary, "queries", "gallery", "relevant"}],
     "recognition": [{"method", "name", "seeds", "accuracy" | "balanced": {code: spread}}]}
    with summary = {"cells": {pair: spread}, "groups": {name: spread}}, spread as of `spread`.

  Raises:
    ValueError: if there are no results, a method's seed comes twice, or modalities or classes
      differ.
  """
  if not results:
    raise ValueError("no results; expected at least one run that was evaluated")
  first = results[0]
  _check(results)
  paper = paper and paper_lib.of_its_categories(classes_of(first))
  kinds = dict.fromkeys((t["layer"], t["readout"]) for r in results for t in r["tables"])
  return {
    "unit": "fraction", "split": first["split"], "classes": classes_of(first),
    "modalities": first["modalities"], "text": first["text"],
    "names": first.get("names", {}), "training": first.get("training", {}),
    "groups": pair_groups(first["modalities"], first["text"]),
    "tables": [_aggregate_table(results, first, kind, paper) for kind in kinds],
    "recognition": [_aggregate_recognition(runs) for runs in _by_method(results)
                    if all(run["recognition"] for run in runs)]}


def _check(results: Sequence[Mapping[str, Any]]) -> None:
  first, seen = results[0], set()
  for result in results:
    here, there = _where(result), _where(first)
    if here != there:
      raise ValueError(f"{_who(result)} was evaluated on {here}; expected {there} as in "
                       f"{_who(first)}")
    ours, theirs = classes_of(result), classes_of(first)
    if ours and theirs and ours != theirs:
      raise ValueError(f"{_who(result)} has {len(ours)} classes, {', '.join(ours[:3])} ...; "
                       f"expected the {len(theirs)} of {_who(first)}, {', '.join(theirs[:3])} ...")
    if (result["method"], result["seed"]) in seen:
      raise ValueError(f"{_who(result)} comes twice; expected it once. Two runs of one method in a "
                       "table need names, as in --runs=mine=FOLDER,other=FOLDER")
    seen.add((result["method"], result["seed"]))


def _who(result: Mapping[str, Any]) -> str:
  return f"{result['method']} seed {result['seed']}"


def _where(result: Mapping[str, Any]) -> str:
  return f"{result['split']} of {', '.join(result['modalities'])}"


def classes_of(result: Mapping[str, Any]) -> list[str]:
  """Names of a result's classes in label order; [] where it is older than their record."""
  return list(result.get("classes", ()))


def labelled(result: Mapping[str, Any], label: str) -> dict[str, Any]:
  """The result as a row of its own, e.g. "pixels: BL-Ind", beside others of the same method."""
  return {**result, "method": f"{label}/{result['method']}", "name": f"{label}: {result['name']}"}


def pair_groups(codes: Sequence[str], text: Sequence[str]) -> dict[str, list[str]]:
  """Pairs that a mean is taken over, by column name; the paper's order of pairs."""
  pairs = [(q, g) for q, g in itertools.product(codes, codes) if q != g]
  groups = {"mean": pairs}
  if text:
    label = "/".join(text)
    groups[f"no {label}"] = [p for p in pairs if not set(p) & set(text)]
    groups[label] = [p for p in pairs if set(p) & set(text)]
  groups["same"] = [(code, code) for code in codes]
  return {name: [f"{q}>{g}" for q, g in group] for name, group in groups.items() if group}


def main_mean(result: Mapping[str, Any]) -> float | None:
  """Mean mAP of a run's main table over pairs of different modalities; None where none has any."""
  cells = result["tables"][0]["map"].items()
  return spread(value for pair, value in cells if len(set(pair.split(">"))) > 1)["mean"]


def _by_method(results: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
  rows: dict[str, list] = {}
  for result in results:
    rows.setdefault(result["method"], []).append(result)
  return list(rows.values())


def _aggregate_table(results, first, kind: tuple[str, str], paper: bool) -> dict[str, Any]:
  """One layer and read-out over the methods that have it."""
  groups = pair_groups(first["modalities"], first["text"])
  rows, every = [], []
  for runs in _by_method(results):
    tables = [(run, table) for run in runs for table in run["tables"]
              if (table["layer"], table["readout"]) == kind]
    if not tables:
      continue
    every += [table for _, table in tables]
    row = {"method": runs[0]["method"], "name": runs[0]["name"],
           "seeds": [run["seed"] for run, _ in tables]}
    for key in ("map", "balanced"):
      row[key] = _summary([table[key] for _, table in tables], groups)
    row["lift"] = _summary([{pair: lift(value, table["chance"][pair]) for pair, value
                             in table["map"].items()} for _, table in tables], groups)
    if paper:
      row["paper"] = {name: paper_lib.mean(row["name"], pairs) for name, pairs in groups.items()}
    rows.append(row)
  chance = {key: _summary([table[key] for table in every], groups)
            for key in ("chance", "balanced_chance")}
  table = {"layer": kind[0], "readout": kind[1], "rows": rows, **chance,
           **{key: every[0][key] for key in ("queries", "gallery", "relevant")}}
  paper = any(x is not None for row in rows for x in row.get("paper", {}).values())
  return {"caption": _caption(table, first, paper), **table}


def lift(value: float | None, chance: float | None) -> float | None:
  """Lift over chance; None where either is not known, or chance leaves no way to go."""
  if value is None or chance is None or chance == 1:
    return None
  return float(ranking.lift(value, chance))


def _summary(seeds: Sequence[Mapping[str, float | None]],
             groups: Mapping[str, list[str]]) -> dict[str, Any]:
  """Mean and spread over seeds of every cell and of the mean of every group of cells."""
  cells = {pair: spread([cells[pair] for cells in seeds]) for pair in seeds[0]}
  means = {name: spread([spread([cells[pair] for pair in pairs])["mean"] for cells in seeds])
           for name, pairs in groups.items()}
  return {"cells": cells, "groups": means}


def spread(values: Iterable[float | None]) -> dict[str, float | int | None]:
  """{"mean", "std", "count"} of the defined values; std is the sample standard deviation."""
  values = [value for value in values if value is not None]
  return {"mean": statistics.fmean(values) if values else None,
          "std": statistics.stdev(values) if len(values) > 1 else None, "count": len(values)}


def _aggregate_recognition(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  codes = runs[0]["modalities"]
  row = {"method": runs[0]["method"], "name": runs[0]["name"],
         "seeds": [run["seed"] for run in runs]}
  for key in ("accuracy", "balanced"):
    row[key] = {code: spread([run["recognition"][code][key] for run in runs]) for code in codes}
  return row


def _caption(table: Mapping[str, Any], first: Mapping[str, Any], paper: bool) -> str:
  """What a number of the table is: metric, layer, read-out, gallery, chance, spread."""
  seeds = sorted({len(row["seeds"]) for row in table["rows"]})
  undefined = sum(value["mean"] is None for value in table["chance"]["cells"].values())
  sentences = [
    definition(first, table),
    "same: query and target of one modality, self left out. "
    "lift = (mAP - chance) / (100 - chance), mean over pairs.",
    f"{' to '.join(map(str, (seeds[:1] + seeds[1:][-1:])))} "
    f"{'seed' if seeds == [1] else 'seeds'} a row; "
    "± is the sample standard deviation over seeds."]
  if undefined:
    sentences.append(f"{undefined} cell(s) have no relevant item (-) and are left out of means.")
  if paper:
    sentences.append("paper: the authors' slides, CMPlaces, the same pairs; other data than ours.")
  return " ".join(sentences)


def definition(result: Mapping[str, Any], table: Mapping[str, Any], label: str = "") -> str:
  """What the mAP of a table is, in sentences: metric, galleries, chance, and which pairs.

  Args:
    result: of `run_result`, or of `aggregate`.
    table: one of its tables.
    label: what pairs with a text modality are called; "" calls them by its codes.
  """
  codes, text = result["modalities"], "/".join(result["text"])
  sentences = [
    f"Mean average precision (mAP, %) of retrieval query>target, layer {table['layer']}, read-out "
    f"{table['readout']}: AP over the full ranking of the target's {result['split']} split, "
    "relevant = same class, ties in gallery order, queries without a relevant item left out.",
    f"Gallery: {'; '.join(_gallery(table, code, codes) for code in codes)}.",
    "Chance is the expected mAP of a random ranking."]
  if text:
    label = label or text
    sentences.append(f"{label}: pairs with a text modality; no {label}: pairs without.")
  return " ".join(sentences)


def _gallery(table: Mapping[str, Any], code: str, codes: Sequence[str]) -> str:
  """N and R of one target, as other modalities' queries see it."""
  pairs = [f"{other}>{code}" for other in codes if other != code]
  pairs = [pair for pair in pairs if table["queries"][pair]]
  if not pairs:
    return f"{code} never"
  fewest = min(table["relevant"][pair][0] for pair in pairs)
  most = max(table["relevant"][pair][1] for pair in pairs)
  count = f"{fewest:,}" if fewest == most else f"{fewest:,}-{most:,}"
  return f"{code} N = {table['gallery'][pairs[0]]:,}, R = {count}"
