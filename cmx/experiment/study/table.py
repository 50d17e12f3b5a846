"""The table of a study in files: JSON, which is the truth, and what is rendered from it.

JSON and CSV hold fractions in full precision; text, markdown and LaTeX percent and points.
"""

import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cmx import methods
from cmx.evaluation import comparison
from cmx.evaluation import scores
from cmx.evaluation import significance
from cmx.files import grids
from cmx.files import manifest
from cmx.runtime import progress

Content = Mapping[str, Any]  # of `comparison.compare`, with what `study.run` adds

_MARKS = {"better": "+", "worse": "-", "unclear": ""}
_HEADS = [("", "mean"), ("95 %", "interval"), ("", "difference"), ("95 %", "interval"),
          ("Wilcoxon", "p (BH)"), ("Fisher", "p (Holm)"), ("smallest", "seen"), ("", "verdict")]


def write(folder: pathlib.Path, content: Content, measures: Sequence[str]) -> str:
  """Writes study.{json,csv,txt,md,tex}, each whole or not at all; returns the text.

  Args:
    folder: of the study.
    content: of a study.
    measures: which have a table of their own, with intervals and tests.

  Raises:
    ValueError: if the study has no such measure.
  """
  check(content, measures)
  text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
  content = json.loads(text)  # what is rendered is what a reader of the JSON has
  tables = [_overview(content), *(_detail(content, name, name == measures[0]) for name in measures),
            *([_tuning(content)] if content["tuning"] else [])]
  words = "\n".join(map(grids.to_text, tables))
  forms = {"json": text + "\n", "csv": to_csv(content), "txt": words,
           "md": "\n".join(map(grids.to_markdown, tables)),
           "tex": "\n".join(map(grids.to_latex, tables))}
  manifest.write_texts(folder, {f"study.{suffix}": form for suffix, form in forms.items()},
                       "Run launch.study again: it is written anew")
  return words


def check(content: Content, measures: Sequence[str]) -> None:
  """Raises ValueError unless the study has these measures."""
  for name in measures:
    if name not in content["measures"]:
      raise ValueError(f"measure {name!r}; expected one of {', '.join(content['measures'])}")


def swept(content: Content) -> bool:
  """Whether rows stand at several values."""
  return any(row["value"] for found in content["measures"].values() for row in found["rows"])


def _overview(content: Content) -> grids.Grid:
  """Every measure of every row: mean and spread, and how it stands to the named row."""
  cells: dict[str, dict[str, dict[str, Any]]] = {}
  for name, found in content["measures"].items():
    for row in found["rows"]:
      cells.setdefault(row["value"], {}).setdefault(row["row"], {})[name] = row
  lines = []
  for value, rows in cells.items():
    where = [value] if swept(content) else []
    lines += [[*where, _name(row), *(_marked(found.get(name)) for name in content["measures"])]
              for row, found in rows.items()]
    lines.append([*where, "chance", *(grids.percent(found["chance"].get(value))
                                      for found in content["measures"].values())])
  heads = [tuple(name.split(" ", 1)) if " " in name else ("", name)
           for name in content["measures"]]
  return grids.Grid(_overview_caption(content), [*_first_heads(content), *heads], lines,
                    len(_first_heads(content)))


def _detail(content: Content, name: str, how: bool) -> grids.Grid:
  """One measure: intervals, the difference to the named row, tests, what could have been seen."""
  found, lines = content["measures"][name], []
  for row in found["rows"]:
    lines.append([*([row["value"]] if swept(content) else []), _name(row["row"]),
                  grids.percent(row["mean"], row["std"]),
                  _between(row["interval"], grids.percent), *_compared(row["against"])])
  return grids.Grid(_detail_caption(content, name, how), [*_first_heads(content), *_HEADS], lines,
                    len(_first_heads(content)))


def _compared(found: Mapping[str, Any] | None) -> list[str]:
  if found is None:
    return ["(named row)", *[""] * 5]
  return [_points(found["difference"]), _between(found["interval"], _points),
          *(probability(found[f"{test} corrected"]) for test in comparison.TESTS),
          grids.percent(found["smallest"]), found["verdict"]]


def _tuning(content: Content) -> grids.Grid:
  """What every row tried on held-out training examples, and what it was given."""
  tuning = content["tuning"]
  trials = list(next(iter(tuning["rows"].values()))["trials"])
  lines = []
  for row, found in tuning["rows"].items():
    best = ", ".join(f"{field}={value}" for field, value in found["chosen"].items())
    lines.append([_name(row), best, *(grids.percent(found["trials"][trial]) for trial in trials)])
  return grids.Grid(tuning["rule"], [("", "row"), ("", "chosen"), *(("", trial)
                                                                    for trial in trials)], lines, 2)


def to_csv(content: Content) -> str:
  """CSV: a line for each measure, value and row; fractions, nothing where there is none."""
  keys = ("smallest", "wilcoxon", "wilcoxon corrected", "fisher", "fisher corrected", "verdict")
  lines = [["measure", "value", "row", "seeds", "mean", "std", "low", "high", "against",
            "difference", "difference low", "difference high", *keys]]
  for name, found in content["measures"].items():
    for row in found["rows"]:
      other = row["against"] or {}
      lines.append([name, row["value"], row["row"], len(row["by_seed"]), row["mean"], row["std"],
                    *(row["interval"] or (None, None)), content["against"] if other else None,
                    other.get("difference"), *(other.get("interval") or (None, None)),
                    *map(other.get, keys)])
  return grids.to_csv(lines)


def _first_heads(content: Content) -> list[tuple[str, str]]:
  return [*([("", "value")] if swept(content) else []), ("", "row")]


def _name(row: str) -> str:
  return methods.named(row).name


def _points(value: float | None) -> str:
  return "-" if value is None else f"{100 * value:+.1f}"


def _marked(row: Mapping[str, Any] | None) -> str:
  """Mean, spread and the mark of the verdict, one character wide so that columns stay aligned."""
  if row is None:
    return "-"
  mark = _MARKS[row["against"]["verdict"]] if row["against"] else ""
  return f"{grids.percent(row['mean'], row['std'])} {mark or ' '}"


def _between(interval: Sequence[float] | None, form: Callable[[float], str]) -> str:
  return "-" if interval is None else f"[{form(interval[0])}, {form(interval[1])}]"


def probability(p: float | None) -> str:
  """A p-value with three decimals; "<0.001" below that, "-" where there was no test."""
  return "-" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def _overview_caption(content: Content) -> str:
  parts = [content["definition"], f"Mean over {_seeds(content)}"
           + (", ± sample standard deviation." if len(content["seeds"]) > 1 else
              ": one seed has no spread, no interval and no verdict. Expected 2 or more."),
           *(f"{name}: {words}" for name, words in _meanings(content).items()),
           f"+ and -: better and worse than {_name(content['against'])}, where the tables below "
           "say so."]
  if content["seconds"]:
    took = sorted(content["seconds"].values())
    parts.append(f"A run took {progress.duration(took[0])} to {progress.duration(took[-1])}, by "
                 "row.")
  if content["missing"]:
    parts.append(f"An early look: {content['missing']} runs are not there yet.")
  if content["failed"]:
    parts.append("Left out, as training failed: " + "; ".join(content["failed"]) + ".")
  return " ".join(parts)


def _meanings(content: Content) -> dict[str, str]:
  """What the columns are means over, where their names do not say it."""
  some = f"the {content['unseen']} classes that no training example of the seed shows"
  known = ", queries of the other classes" if content["unseen"] else ""
  words = {"same": "query and target of one modality, self left out.",
           "posterior": f"mean over pairs by the cosine of fc8's softmax{known}.",
           "recognition": f"mean over modalities of top-1 accuracy by fc8{known}.",
           scores.UNSEEN[0]: f"mean over pairs, queries of {some}, among items of these classes.",
           scores.UNSEEN[1]: "mean over pairs, the same queries among items of all classes; the "
                             "posterior cannot play there: its classifier has no such class."}
  return {name: words[name] for name in content["measures"] if name in words}


def _detail_caption(content: Content, name: str, how: bool) -> str:
  """What the numbers of a measure's table are; `how` they are come by, once for all tables."""
  found, against = content["measures"][name], _name(content["against"])
  chance = [grids.percent(value) for value in dict.fromkeys(found["chance"].values())]
  parts = [f"{name}, beside {against}: {_seeds(content)}, {found['classes']} classes, "
           f"{found['queries']:,} queries, chance {' to '.join(chance[:1] + chance[1:][-1:])} %."]
  if not how:
    return parts[0]
  if len(content["seeds"]) > 1:
    parts.append(
      f"Intervals: bootstrap over classes and seeds ({significance.RESAMPLES:,} draws). smallest: "
      f"true difference that is found with probability {content['power']:g}, by the spread of "
      "differences over classes and seeds. verdict: better or worse where the difference is no "
      f"smaller than that and both p <= {content['alpha']:g}.")
  parts.append(
    "difference: in points, seeds paired. Wilcoxon: signed ranks of the queries' differences, each "
    "in the mean over the galleries and seeds that ask it, with Benjamini-Hochberg's correction "
    "for all comparisons of the table. Fisher: the two rows exchanged class by class, all ways or "
    f"{significance.DRAWS:,} at random, with Holm's. Both tests speak of the networks at hand, "
    "interval and smallest also of other seeds.")
  return " ".join(parts)


def _seeds(content: Content) -> str:
  seeds = content["seeds"]
  return f"{len(seeds)} seeds ({seeds[0]}-{seeds[-1]})" if len(seeds) > 1 else f"seed {seeds[0]}"
