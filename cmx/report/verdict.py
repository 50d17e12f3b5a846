"""The answer first: whether the modalities meet, what to use, what is weakest, and one chart."""

from collections.abc import Sequence
from typing import Any

from cmx.analysis import figures
from cmx.evaluation import verdict as verdict_lib
from cmx.report import opening
from cmx.report import section as section_lib

_WIDTH, _BAR, _HEAD, _LETTERS = 4.7, 0.19, 0.3, 26  # inches of figure, bar and head; of a name
_CAPTION = ("Mean average precision, %, by pairs of modalities. Chance is a random ranking's; "
            "within a modality is what the best row reaches where query and target are of one.")
_ONE_SEED = ("All numbers are of one seed: how much they vary is unknown, and a difference of a "
             "point or two may be luck.")
_CHANGED = "The code was changed since its last commit when this was trained."


def section(report: opening.Report) -> section_lib.Section:
  """Three sentences beside a chart; what to be careful about stands below, before all else."""
  found = report.verdict
  if found is None:
    return section_lib.Section("Verdict", section_lib.paragraph(
      "There is no verdict yet: no row is evaluated. Run the command that trains them again, it "
      "goes on where it stopped; launch.evaluate evaluates what is trained.", "note"))
  seeds = {opened.run.config.seed for opened in report.runs}
  careful = [*([_ONE_SEED] if len(seeds) == 1 else []),
             *([_CHANGED] if "-dirty" in report.runs[0].run.provenance.get("commit", "") else [])]
  lead, *others = found.sentences
  body = section_lib.paragraph(lead, "lead") + "".join(map(section_lib.paragraph, others))
  if found.groups:
    chart = section_lib.figure(report, "verdict", _draw(found.groups), _CAPTION)
    body = f'<div class="verdict"><div>{body}</div>{chart}</div>'
  return section_lib.Section("Verdict", body, careful)


def _draw(groups: Sequence[verdict_lib.Group]) -> Any:
  """Bars lying, a group of pairs below the other; the best row's in colour."""
  bars = len(groups[0].bars)
  heights = bars * _BAR + _HEAD
  figure, axes = figures.new(_WIDTH, len(groups) * heights + 0.3, len(groups), 1, sharex=True)
  top = max((bar.mean or 0) + (bar.std or 0) for group in groups for bar in group.bars)
  for group, (axis,) in zip(groups, axes):
    for i, bar in enumerate(group.bars):
      _bar(axis, i, bar, best=i == bars - 2, top=top)
    axis.set_title(group.name, size=9)
    axis.set_yticks(range(bars), [figures.short(bar.name, _LETTERS) for bar in group.bars])
    axis.set(ylim=(bars - 0.4, -0.6), xlim=(0, 118 * top), xticks=())
    axis.tick_params(axis="y", length=0)
    axis.spines["bottom"].set_visible(False)
  return figure


def _bar(axis: Any, place: int, bar: verdict_lib.Bar, best: bool, top: float) -> None:
  if bar.mean is None:
    axis.text(0.5 * top, place, "not defined", size=7.5, va="center", color=figures.MUTED)
    return
  spread = {"xerr": 100 * bar.std, "ecolor": figures.INK} if bar.std is not None else {}
  axis.barh(place, 100 * bar.mean, 0.72, color=figures.COLOURS[0] if best else figures.LINE,
            **spread)
  end = 100 * (bar.mean + (bar.std or 0) + 0.012 * top)
  axis.text(end, place, f"{100 * bar.mean:.1f}", size=8, va="center",
            weight="bold" if best else "normal")
