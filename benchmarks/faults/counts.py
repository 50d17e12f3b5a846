"""What became of faults: tried, survived, lost, silent."""

from collections.abc import Iterator
from typing import NamedTuple

from cmx.runtime import progress

SURVIVED, LOST, SILENT = "survived", "lost", "silent"


class Outcome(NamedTuple):
  """What became of one fault.

  Attributes:
    fault: kind of it, a row of the table.
    how: SURVIVED: noticed and named, or made good to the bit; LOST: an error that names nothing, a
      traceback, a left-over or work that has to be begun anew; SILENT: another result.
    what: for whoever looks into one.
  """

  fault: str
  how: str
  what: str = ""


def numbered(what: str, count: int) -> Iterator[int]:
  """Numbers of trials from 0, with a line that says how long they still take."""
  with progress.Progress(what, count, "trials") as line:
    for trial in range(count):
      yield trial
      line.update(trial + 1)


def to_text(outcomes: list[Outcome]) -> str:
  """A table of the outcomes as markdown, a row for each kind of fault, in the order given."""
  lines = ["| fault | tried | survived | lost | silent |", "|---|---|---|---|---|"]
  for fault in dict.fromkeys(outcome.fault for outcome in outcomes):
    mine = [outcome.how for outcome in outcomes if outcome.fault == fault]
    lines.append(f"| {fault} | {len(mine):,} | {mine.count(SURVIVED):,} | {mine.count(LOST):,} | "
                 f"{mine.count(SILENT):,} |")
  return "\n".join(lines)
