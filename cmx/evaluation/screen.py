"""The table for a terminal of 80 columns: a line a row, and of a row alone every pair.

All pairs of all rows, layers and read-outs stand in files, see `table_files`.
"""

import statistics
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from cmx.evaluation import results as results_lib
from cmx.evaluation import table_files
from cmx.files import grids

WIDTH = 80  # characters of a line
_GAP = "  "
_NARROWEST = 12  # characters that are left to a row's name at least
_TEXT = "text"  # what pairs with a text modality are called, whatever its code


def to_text(content: Mapping[str, Any]) -> str:
  """The main table of `results.aggregate`'s content, with one row alone its pairs; its caption."""
  table = content["tables"][0]
  parts = ["\n".join(_lines(_columns(content, table)))]
  if len(table["rows"]) == 1 and len(content["modalities"]) > 1:
    parts.append("\n".join(_matrix(content, table)))
  return "\n\n".join([*parts, textwrap.fill(_caption(content, table), WIDTH)]) + "\n"


def _columns(content: Mapping[str, Any], table: Mapping[str, Any]) -> list[list[str]]:
  """Columns of words: two lines of a head, a word for each row, one for chance."""
  rows, columns = table["rows"], []
  for name in content["groups"]:
    words = [table_files.percent(row["map"]["groups"][name], deviation=name == "mean")
             for row in rows]
    columns.append([*_head(content, name), *words,
                    table_files.percent(table["chance"]["groups"][name])])
  if content["recognition"]:
    of_row = {row["method"]: grids.percent(statistics.fmean(
      found["mean"] for found in row["accuracy"].values())) for row in content["recognition"]}
    classes = len(content["classes"])
    columns.append(["recog-", "nised", *(of_row.get(row["method"], "-") for row in rows),
                    f"{100 / classes:.1f}" if classes else ""])
  if "mean" in content["groups"]:
    columns.append(["", "lift", *(table_files.percent(row["lift"]["groups"]["mean"])
                                  for row in rows), ""])
    paper = [row.get("paper", {}).get("mean") for row in rows]
    if any(value is not None for value in paper):
      columns.append(["", "paper", *(grids.percent(value) for value in paper), ""])
  return [["", "row", *(row["name"] for row in rows), "chance"], *columns]


def _head(content: Mapping[str, Any], name: str) -> tuple[str, str]:
  if name in ("mean", "same"):
    return "", name
  return ("no" if name.startswith("no ") else "", _TEXT) if content["text"] else ("", name)


def _lines(columns: Sequence[Sequence[str]]) -> list[str]:
  """Columns side by side; a row's name that is too long goes on in a line below."""
  names, *numbers = columns
  taken = sum(len(_GAP) + max(map(len, column)) for column in numbers)
  room = max(WIDTH - taken, _NARROWEST)
  lines = []
  for name, *words in zip(names, *numbers):
    first, *others = textwrap.wrap(name, room) or [""]
    lines += [[first, *words], *([other, *[""] * len(words)] for other in others)]
  return grids.columns([line for line in lines if any(line)], gap=_GAP)


def _matrix(content: Mapping[str, Any], table: Mapping[str, Any]) -> list[str]:
  """The one row's pairs, a line a query and a column a target; where they fit."""
  codes, cells = content["modalities"], table["rows"][0]["map"]["cells"]
  lines = [["query > target", *(f">{code}" for code in codes)]]
  lines += [[query, *(table_files.percent(cells[f"{query}>{target}"]) for target in codes)]
            for query in codes]
  chance = table["chance"]["cells"]
  lines.append(["chance", *(table_files.percent(results_lib.spread(
    chance[f"{query}>{target}"]["mean"] for query in codes if query != target))
    for target in codes)])
  lines = grids.columns(lines, gap=_GAP)
  if max(map(len, lines)) <= WIDTH:
    return lines
  return textwrap.wrap(f"Its {len(codes) ** 2} pairs are too many for a terminal: they stand in "
                       "the files.", WIDTH)


def _caption(content: Mapping[str, Any], table: Mapping[str, Any]) -> str:
  groups, rows = content["groups"], table["rows"]
  sentences = [results_lib.definition(content, table, _TEXT),
               "same: query and target of one modality, self left out."]
  if content["recognition"]:
    sentences.append("recognised: top-1 accuracy by fc8, mean over modalities.")
  if "mean" in groups:
    sentences.append("lift = (mAP - chance) / (100 - chance).")
  seeds = sorted({len(row["seeds"]) for row in rows})
  if seeds[-1] > 1:
    sentences.append(f"± is the sample standard deviation over {seeds[0]} "
                     + (f"to {seeds[-1]} " if seeds[1:] else "") + "seeds.")
  else:
    sentences.append("One seed, and so no spread.")
  if any(value is not None for row in rows for value in row.get("paper", {}).values()):
    sentences.append("paper: the authors' slides, the same pairs; other data than ours.")
  return " ".join(sentences)
