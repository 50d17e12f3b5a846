"""Grids of words: a table with its caption as aligned text, markdown and LaTeX; values as CSV."""

import csv
import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WIDTH = 80  # characters of a caption's line: a terminal's, however wide the table
_TEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
        "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        ">": "$>$", "<": "$<$", "|": "$|$", "±": r"$\pm$"}


class Grid(NamedTuple):
  """A table of words.

  Attributes:
    caption: what its numbers are.
    heads: of the columns, each of two lines (upper, lower).
    lines: of words, one for each column.
    left: columns that stand at the left, the first ones; the others stand at the right.
  """

  caption: str
  heads: Sequence[tuple[str, str]]
  lines: Sequence[Sequence[str]]
  left: int = 1


def percent(value: float | None, std: float | None = None) -> str:
  """A fraction in percent, as "14.2" or with its spread "14.2 ±0.3"; "-" for None."""
  if value is None:
    return "-"
  return f"{100 * value:.1f}" + (f" ±{100 * std:.1f}" if std is not None else "")


def to_text(grid: Grid) -> str:
  """Aligned text: caption, heads, lines."""
  lines = [line for line in (*map(list, zip(*grid.heads)), *grid.lines) if any(line)]
  caption = [textwrap.fill(grid.caption, WIDTH)] if grid.caption else []
  return "\n".join([*caption, *columns(lines, grid.left, " "), ""])


def to_screen(grid: Grid) -> str:
  """As `to_text`, no line over WIDTH: columns that do not fit go on in blocks below."""
  lines = [list(words) for words in (*zip(*grid.heads), *grid.lines)]
  widths = [max(map(len, words)) for words in zip(*lines)]
  fixed = sum(widths[:grid.left]) + grid.left  # each column with the blank before the next
  blocks, room = [], 0
  for i in range(grid.left, len(widths)):
    if not blocks or widths[i] > room:
      blocks.append([*range(grid.left)])
      room = WIDTH + 1 - fixed
    blocks[-1].append(i)
    room -= widths[i] + 1
  parts = [to_text(Grid("", [grid.heads[i] for i in block],
                        [[words[i] for i in block] for words in grid.lines], grid.left))
           for block in blocks]
  return "\n".join([*([textwrap.fill(grid.caption, WIDTH)] if grid.caption else []), *parts])


def columns(lines: Sequence[Sequence[str]], left: int = 1, gap: str = "  ") -> list[str]:
  """Lines of words as lines of text in columns, the first `left` to the left, others to the right.

  Raises:
    ValueError: if lines differ in their number of words.
  """
  widths = [max(map(len, words)) for words in zip(*lines, strict=True)]
  return [gap.join(word.ljust(width) if i < left else word.rjust(width)
                   for i, (word, width) in enumerate(zip(line, widths))).rstrip()
          for line in lines]


def to_markdown(grid: Grid) -> str:
  """Caption and pipe table."""
  heads = [f"{upper}{lower}" if lower.startswith(">") else f"{upper} {lower}".strip()
           for upper, lower in grid.heads]
  rule = [":---"] * grid.left + ["---:"] * (len(heads) - grid.left)
  lines = ["| " + " | ".join(word.replace("|", "\\|") for word in line) + " |"
           for line in (heads, rule, *grid.lines)]
  return "\n".join([*([grid.caption, ""] if grid.caption else []), *lines, ""])


def to_csv(lines: Sequence[Sequence[Any]]) -> str:
  """Values as CSV: numbers in full precision, nothing for None."""
  text = io.StringIO()
  csv.writer(text, lineterminator="\n").writerows(lines)  # floats by repr: nothing is lost
  return text.getvalue()


def records_to_csv(records: Sequence[Mapping[str, Any]]) -> str:
  """Records {column: value} as CSV with a line of heads; nothing where a record has no value."""
  heads = list(dict.fromkeys(key for record in records for key in record))
  return to_csv([heads, *(list(map(record.get, heads)) for record in records)])


def to_latex(grid: Grid) -> str:
  """A table environment; it needs the package booktabs."""
  heads = [line for line in zip(*grid.heads) if any(line)]
  columns = "l" * grid.left + "r" * (len(grid.heads) - grid.left)
  return "\n".join([
    r"\begin{table}", r"\centering", rf"\caption{{{_tex(grid.caption)}}}",
    rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *map(_tex_line, heads), r"\midrule",
    *map(_tex_line, grid.lines), r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _tex_line(words: Sequence[str]) -> str:
  return " & ".join(map(_tex, words)) + r" \\"


def _tex(text: str) -> str:
  text = re.sub("|".join(map(re.escape, _TEX)), lambda match: _TEX[match[0]], text)
  return re.sub(r"(?<![\w-])-(?=\d)", "$-$", text)  # a minus, where it is no hyphen
