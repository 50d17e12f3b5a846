"""The verdict on an experiment: do the modalities meet, what should be used, what is weakest.

Three sentences and the numbers of one bar chart, from results alone. Numbers are fractions, in
sentences percent.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cmx import methods
from cmx.evaluation import reach
from cmx.evaluation import results as results_lib
from cmx.evaluation import weakest

_WIDTH = 80  # characters of a line
_MEET, _PARTLY = 0.75, 0.4  # reach from which modalities meet, or meet in part
_TOLD = 0.05  # lift within modalities below which there is nothing that could meet

_Row = Mapping[str, Any]  # of a table of `results.aggregate`


class Bar(NamedTuple):
  """A bar of the chart: what it stands for, and its mAP; None where it is not known."""

  name: str
  mean: float | None
  std: float | None = None


class Group(NamedTuple):
  """Bars of one group of pairs: chance, the baselines, the best row, and within modalities."""

  name: str
  bars: Sequence[Bar]


class Verdict(NamedTuple):
  """What is said of an experiment.

  Attributes:
    sentences: whether the modalities meet; what to use; what is weakest and why.
    groups: of the chart: all pairs, and where there are both, those without and with text; () where
      there are no pairs.
    best: key of the best row.
  """

  sentences: tuple[str, str, str]
  groups: Sequence[Group]
  best: str


def verdict(results: Sequence[Mapping[str, Any]], unfinished: int = 0) -> Verdict:
  """The verdict on rows that were evaluated, by their main table.

  Args:
    results: dicts of `results.run_result`, any number of rows and seeds.
    unfinished: runs of the experiment that are not evaluated yet.

  Raises:
    ValueError: as `results.aggregate`.
  """
  content = results_lib.aggregate(results)
  rows = sorted(content["tables"][0]["rows"], key=_mean, reverse=True)
  return Verdict((_meets(content, rows, unfinished), _use(content, rows),
                  weakest.sentence(content, rows[0])),
                 list(_groups(content, rows)), rows[0]["method"])


def to_text(found: Verdict) -> str:
  """The sentences, a paragraph each, in lines of a terminal."""
  lines = [textwrap.fill(sentence.replace(" %", "\u00a0%"), _WIDTH) for sentence in found.sentences]
  return "\n".join(lines).replace("\u00a0", " ") + "\n"  # no line begins with a sign


def _mean(row: _Row) -> float:
  """The row's mean over pairs; below all others where it has none."""
  mean = row["map"]["groups"].get("mean", {"mean": None})["mean"]
  return -1.0 if mean is None else mean


def _meets(content: Mapping[str, Any], rows: Sequence[_Row], unfinished: int) -> str:
  """Whether the modalities meet, beside chance, the baselines and what is reached within."""
  best, chance = rows[0], content["tables"][0]["chance"]
  so_far = f"So far, {unfinished} run(s) being unfinished: " if unfinished else ""
  if len(content["modalities"]) < 2:
    return f"{so_far}There is one modality, {content['modalities'][0]}, and nothing it could meet."
  if _mean(best) < 0:
    return (f"{so_far}Whether your modalities meet cannot be said: no two of them share a class on "
            f"the {content['split']} split.")
  pairs = content["groups"]["mean"]
  place = f"the best of {len(rows)} rows" if len(rows) > 1 else "the only row"
  own = reach.within(best["map"], pairs)
  within = f", within one modality {_percent(own)}" if own is not None else ""
  return (f"{so_far}{_judged(best, chance, pairs)}: {best['name']}, {place}, finds the same class "
          f"in another modality with {_spread(best, 'mean')} mean average precision (chance "
          f"{_percent(reach.across(chance, pairs))}{within})"
          + "".join(f"; {line}" for line in _baselines(rows)) + ".")


def _judged(best: _Row, chance: Mapping[str, Any], pairs: Sequence[str]) -> str:
  far = reach.of(best["map"], chance, pairs)
  told = reach.lift_within(best["map"], chance, pairs)
  if told is not None and told < _TOLD:
    return "Your modalities cannot meet yet, as little is told apart even within one"
  if far is None:
    return "How well your modalities meet is hard to say"
  return ("Your modalities meet" if far >= _MEET else
          "Your modalities meet in part" if far >= _PARTLY else "Your modalities do not meet")


def _baselines(rows: Sequence[_Row]) -> Iterator[str]:
  """What each baseline reaches, or that it was not run."""
  for key, what in methods.BASELINES.items():
    row = _row(rows, key)
    if row is None:
      yield f"{what} ({methods.named(key).name}) was not tried"
    elif row is not rows[0]:
      yield f"{what} ({row['name']}) reaches {_spread(row, 'mean')}"


def _row(rows: Sequence[_Row], key: str) -> _Row | None:
  """The row of a method, with the best row's label where there are several; None without one."""
  label = rows[0]["method"].rpartition("/")[0]
  found = [row for row in rows if row["method"].rpartition("/")[2] == key]
  return next((row for row in found if row["method"].rpartition("/")[0] == label),
              found[0] if found else None)


def _use(content: Mapping[str, Any], rows: Sequence[_Row]) -> str:
  """What to use: the lead over the next row, how sure it is, and what text has to do with it."""
  best, others = rows[0], [row for row in rows[1:] if _mean(row) >= 0]
  if _mean(best) < 0:
    return f"So there is nothing to choose by ({_seeds(rows[:1])})."
  if not others:
    words = f"With one row there is nothing to choose from ({_seeds(rows[:1])})"
  else:
    lead = _mean(best) - _mean(others[0])
    words = (f"Use {best['name']}: it leads the next row, {others[0]['name']}, by "
             f"{100 * lead:.1f} points ({_certain(lead, [best, others[0]])})")
  return words + _with_text(content, rows) + "."


def _with_text(content: Mapping[str, Any], rows: Sequence[_Row]) -> str:
  names = _text_groups(content)
  if not names:
    return ""
  without, text = (_spread(rows[0], name) for name in names)
  other = _row(rows, next(iter(methods.BASELINES)))
  beside = ("" if other is None or other is rows[0] else
            f" ({other['name']} {' and '.join(_spread(other, name) for name in names)})")
  return f"; without text it reaches {without}, with text {text}{beside}"


def _text_groups(content: Mapping[str, Any]) -> list[str]:
  """Names of the means without and with text; [] unless there are both."""
  label = "/".join(content["text"])
  names = [f"no {label}", label]
  return names if all(name in content["groups"] for name in names) else []


def _certain(lead: float, rows: Sequence[_Row]) -> str:
  spreads = [row["map"]["groups"]["mean"]["std"] for row in rows]
  if None in spreads:
    return f"{_seeds(rows)}: a small lead may be luck"
  more = "more" if lead > sum(spreads) else "no more"
  return (f"{more} than the two spread over {_fewest(rows)} seeds"
          + ("" if more == "more" else ": either will do"))


def _seeds(rows: Sequence[_Row]) -> str:
  return ("one seed, and so no spread" if _fewest(rows) == 1
          else f"means of {_fewest(rows)} seeds")


def _fewest(rows: Sequence[_Row]) -> int:
  return min(len(row["seeds"]) for row in rows)


def _groups(content: Mapping[str, Any], rows: Sequence[_Row]) -> Iterator[Group]:
  if _mean(rows[0]) < 0:
    return
  names = {"all pairs": "mean"}
  names |= dict(zip(("without text", "with text"), _text_groups(content)))
  for title, name in names.items():
    pairs = content["groups"][name]
    shown = [row for key in methods.BASELINES if (row := _row(rows, key)) and row is not rows[0]]
    yield Group(title, [
      Bar("chance", reach.across(content["tables"][0]["chance"], pairs)),
      *(Bar(row["name"], row["map"]["groups"][name]["mean"], row["map"]["groups"][name]["std"])
        for row in (*shown, rows[0])),
      Bar("within a modality", reach.within(rows[0]["map"], pairs))])


def _spread(row: _Row, group: str) -> str:
  found = row["map"]["groups"][group]
  if found["mean"] is None:
    return "nothing"
  after = f" ± {100 * found['std']:.1f}" if found["std"] is not None else ""
  return f"{100 * found['mean']:.1f}{after} %"


def _percent(value: float | None) -> str:
  return "unknown" if value is None else f"{100 * value:.1f} %"
