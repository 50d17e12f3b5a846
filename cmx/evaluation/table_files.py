"""The table in files: JSON, which is the truth, and CSV, text and markdown rendered from it.

JSON and CSV hold fractions in full precision, text and markdown percent with one decimal.
"""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from cmx.evaluation import results as results_lib
from cmx.files import grids
from cmx.files import manifest


def write(folder: str | os.PathLike, results: Sequence[Mapping[str, Any]], *,
          paper: bool = False) -> dict[str, Any]:
  """Writes table.{json,csv,txt,md} and recognition.csv into `folder`, each whole or not at all.

  Args:
    folder: made if it is not there.
    results: dicts of `results.run_result`.
    paper: put the paper's means beside ours, where the classes are its own.

  Returns:
    What they hold: `results.aggregate`'s content; `screen.to_text` has it for a terminal.

  Raises:
    ValueError: as `results.aggregate`.
  """
  content = results_lib.aggregate(results, paper=paper)
  text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
  content = json.loads(text)  # what is rendered is what a reader of the JSON has
  files = {"table.json": text + "\n", "table.csv": _to_csv(content),
           "recognition.csv": _recognition_csv(content), "table.txt": to_text(content),
           "table.md": "\n".join(map(grids.to_markdown, _grids(content)))}
  manifest.write_texts(pathlib.Path(folder), files,
                       "Run the command that has made the table again: it is written anew")
  return content


def percent(spread: Mapping[str, Any], *, deviation: bool = False) -> str:
  """A fraction as "14.2", with "±0.3" where asked and known; "-" where undefined."""
  return grids.percent(spread["mean"], spread["std"] if deviation else None)


def _columns(content: Mapping[str, Any], table: Mapping[str, Any]) -> list[list[Any]]:
  """Columns of one table, a head, a word for each row, one for chance: name, pairs in the paper's
  order, means, lift, the paper's means."""
  rows, chance = table["rows"], table["chance"]

  def column(head: tuple[str, str], part: str, name: str, deviation: bool = False) -> list[Any]:
    return [head, *(percent(row["map"][part][name], deviation=deviation) for row in rows),
            percent(chance[part][name])]

  columns = [[("", "row"), *(row["name"] for row in rows), "chance"]]
  for pair in content["groups"].get("mean", ()):
    query, target = pair.split(">")
    columns.append(column((query, f">{target}"), "cells", pair))
  for name in content["groups"]:
    upper, _, lower = name.rpartition(" ")
    columns.append(column((upper, lower), "groups", name, deviation=True))
  if "mean" in content["groups"]:
    columns.append([("", "lift"), *(percent(row["lift"]["groups"]["mean"]) for row in rows), ""])
  for name in content["groups"]:
    if any(row.get("paper", {}).get(name) is not None for row in rows):
      columns.append([("paper", name), *(grids.percent(row["paper"][name]) for row in rows), ""])
  return columns


RECOGNITION = "Recognition: top-1 accuracy (%) by fc8 on the {split} split of each modality."


def _grids(content: Mapping[str, Any]) -> list[grids.Grid]:
  """Every table, recognition last."""
  found = []
  for table in content["tables"]:
    caption = (f"Layer {table['layer']}, read-out {table['readout']}; else as above." if found
               else table["caption"])
    found.append(_grid(caption, _columns(content, table)))
  if rows := content["recognition"]:
    columns = [[("", "row"), *(row["name"] for row in rows)],
               *([("", code), *(percent(row["accuracy"][code], deviation=True) for row in rows)]
                 for code in content["modalities"])]
    found.append(_grid(RECOGNITION.format(split=content["split"]), columns))
  return found


def _grid(caption: str, columns: Sequence[Sequence[Any]]) -> grids.Grid:
  heads, *lines = zip(*columns)
  return grids.Grid(caption, heads, lines)


def to_text(content: Mapping[str, Any]) -> str:
  """Aligned text of `results.aggregate`'s content, for a wide terminal."""
  return "\n".join(map(grids.to_text, _grids(content)))


def _to_csv(content: Mapping[str, Any]) -> str:
  """CSV of every table: a line for each row and statistic, fractions; nothing where undefined."""
  groups = content["groups"]
  pairs = [*groups.get("mean", ()), *groups["same"]]
  lines = [["layer", "readout", "method", "name", "seeds", "statistic", *pairs, *groups]]
  for table in content["tables"]:
    where = [table["layer"], table["readout"]]
    for row in table["rows"]:
      who = [*where, row["method"], row["name"], len(row["seeds"])]
      for key in ("map", "lift", "balanced"):
        lines.append([*who, key, *_numbers(row[key], pairs, "mean")])
        lines.append([*who, f"{key} std", *_numbers(row[key], pairs, "std")])
      if "paper" in row:
        lines.append([*who, "paper", *[None] * len(pairs), *row["paper"].values()])
    for key, name in (("chance", "map"), ("balanced_chance", "balanced")):
      lines.append([*where, "chance", "chance", None, name, *_numbers(table[key], pairs, "mean")])
  return grids.to_csv(lines)


def _numbers(summary: Mapping[str, Any], pairs: Sequence[str], key: str) -> list[float | None]:
  return [*(summary["cells"][pair][key] for pair in pairs),
          *(group[key] for group in summary["groups"].values())]


def _recognition_csv(content: Mapping[str, Any]) -> str:
  """CSV of the recognition accuracies: a line for each row and statistic, fractions."""
  lines = [["method", "name", "seeds", "statistic", *content["modalities"]]]
  for row in content["recognition"]:
    for key in ("accuracy", "balanced"):
      for suffix, part in (("", "mean"), (" std", "std")):
        lines.append([row["method"], row["name"], len(row["seeds"]), key + suffix,
                      *(value[part] for value in row[key].values())])
  return grids.to_csv(lines)
