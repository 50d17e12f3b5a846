"""Retrieval boards on the page: the same random queries for every method, right or wrong."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from cmx import modalities as modalities_lib
from cmx.analysis import figures
from cmx.analysis import tiles as tiles_lib
from cmx.evaluation import boards
from cmx.evaluation import examples
from cmx.report import opening
from cmx.report import options as options_lib
from cmx.report import section as section_lib

_TILE = 54  # pixels on the page
_INCH, _STORED = 0.62, 72  # of a tile in the figure, and its pixels
_SIGNS = {True: "\u2713", False: "\u2717"}
_COLOURS = {True: "#009e73", False: "#d55e00"}
_CAREFUL = (
  "Boards show a handful of queries: how often a method is right stands in the table.",)


def section(report: opening.Report) -> section_lib.Section | None:
  """A board for each query, a tab for each method."""
  runs = [opened for opened in report.shown if opened.features]
  if not runs or len(runs[0].features) < 2:
    return None
  options, parts, problems = report.options, [], []
  try:
    queries = _queries(runs[0], options)
  except ValueError as error:
    return section_lib.Section("Retrieval boards", "", problems=[str(error)])
  for opened in runs:
    try:
      found = boards.ask(opened.features, queries, options.layer, options.readout, options.answers)
    except ValueError as error:
      problems.append(f"{opened.name} has no boards: {error}")
      continue
    name = f"boards_{opened.method}"
    figures.write(_figure(opened, found), report.folder, name)
    content = "".join(_board(opened, board) for board in found)
    parts.append((opened.name, section_lib.framed(content, _score(opened, found),
                                                  f"{name}.png, {name}.pdf")))
  if not parts:
    return section_lib.Section("Retrieval boards", "", problems=problems)
  problems += runs[0].examples.problems
  chosen = "those asked for" if options.ask else "drawn at random, whatever became of them"
  body = section_lib.paragraph(
    f"The {options.answers} nearest of every other modality, by {options.layer}, "
    f"{options.readout}. The queries are {chosen}; every method has the same. "
    f"{_SIGNS[True]} is of the query's category, {_SIGNS[False]} of another, which is named.")
  body += section_lib.tabs("boards", parts, report.best)
  return section_lib.Section("Retrieval boards", body, _CAREFUL, problems)


def _queries(opened: opening.Opened, options: options_lib.Options) -> list[boards.Query]:
  """The queries asked for, by key or category; random ones where none are."""
  labels = {name: part["label"] for name, part in opened.features.items()}
  if not options.ask:
    return boards.draw_queries(labels, options.queries, options.seed)
  queries = []
  for word in options.ask:
    if word in opened.run.classes:
      label = opened.run.classes.index(word)
      queries += boards.draw_queries(labels, options.queries, options.seed, label)
    else:
      queries.append(opened.examples.find(word))
  return queries


def _score(opened: opening.Opened, found: Sequence[boards.Board]) -> str:
  answers = [answer for board in found for answer in board.answers]
  correct = sum(int(answer.correct.sum()) for answer in answers)
  shown = sum(len(answer.rows) for answer in answers)
  expected = sum(answer.expected for answer in answers)
  return (f"{opened.name}: {correct} of {shown} answers shown are of the query's category; "
          f"by chance {expected:.0f}.")


def _code(opened: opening.Opened, name: str) -> str:
  return modalities_lib.of_name(opened.run.modalities, name).code


def _words(answer: boards.Answer) -> str:
  """What an answer is worth, in a few words."""
  return f"{int(answer.correct.sum())} of {len(answer.rows)}"


def _board(opened: opening.Opened, board: boards.Board) -> str:
  query = opened.examples(board.modality, board.row)
  lines = []
  for answer in board.answers:
    tiles = "".join(_answer(opened.examples(answer.modality, row), right)
                    for row, right in zip(answer.rows, answer.correct.tolist()))
    head = section_lib.escape(f"{_code(opened, answer.modality)}: {_words(answer)}")
    lines.append(f'<div><h4>{head}</h4><div class="tiles">{tiles}</div></div>')
  return (f'<div class="board"><div class="query">'
          f"<h4>{section_lib.escape(_code(opened, board.modality))}</h4>"
          f"{section_lib.tile(query, round(1.5 * _TILE))}{_under(query.category)}</div>"
          f'<div class="answers">{"".join(lines)}</div></div>')


def _answer(example: examples.Example, right: bool) -> str:
  kind = "right" if right else "wrong"
  name = "" if right else _under(example.category)
  return (f'<div class="answer {kind}">{section_lib.tile(example, _TILE)}'
          f'<b aria-label="{kind}">{_SIGNS[right]}</b>{name}</div>')


def _under(category: str) -> str:
  return f"<small>{section_lib.escape(category.replace('_', ' '))}</small>"


def _figure(opened: opening.Opened, found: Sequence[boards.Board]) -> Any:
  """All boards of a method below each other: the query, then what each modality answers."""
  most = max(len(answer.rows) for board in found for answer in board.answers)
  targets = max(len(board.answers) for board in found)
  width, height = 1.5 + targets * (most + 0.5), 1.45 * len(found) + 0.8  # in tiles
  figure, ((axis,),) = figures.new(width * _INCH, height * _INCH)
  figure.set_layout_engine("none")
  axis.set_position((0, 0, 1, 1))
  axis.set(xlim=(0, width), ylim=(height, 0))
  axis.set_axis_off()
  axis.text(0.1, 0.35, _score(opened, found), size=9, weight="bold", va="center")
  sheet = Image.new("RGB", (round(width * _STORED), round(height * _STORED)), figures.PAPER)
  for i, board in enumerate(found):
    y = 1.02 + 1.45 * i
    query = opened.examples(board.modality, board.row)
    words = f"{_code(opened, board.modality)}: {query.category.replace('_', ' ')}"
    _place(axis, sheet, query, 0.1, y, words, figures.INK, "-")
    for j, answer in enumerate(board.answers):
      x = 1.5 + j * (most + 0.5)
      axis.text(x, y - 0.12, f"{_code(opened, answer.modality)}: {_words(answer)}", size=6.5,
                va="center", color=figures.MUTED)
      for k, (row, right) in enumerate(zip(answer.rows, answer.correct.tolist())):
        example = opened.examples(answer.modality, row)
        words = _SIGNS[right] + ("" if right else f" {example.category.replace('_', ' ')}")
        _place(axis, sheet, example, x + k, y, words, _COLOURS[right], "-" if right else ":")
  axis.imshow(sheet, extent=(0, width, height, 0), aspect="auto", zorder=0,
              interpolation="none")  # one sheet: an image of its own for each tile is slow
  return figure


def _place(axis: Any, sheet: Image.Image, example: examples.Example, x: float, y: float,
           words: str, colour: str, line: str) -> None:
  """Puts an example on the sheet, with its frame and words above; x and y in tiles."""
  from matplotlib import patches
  side = round(0.94 * _STORED)
  sheet.paste(tiles_lib.tile(example, side), (round((x + 0.03) * _STORED), round(y * _STORED)))
  axis.add_patch(patches.Rectangle((x + 0.03, y), 0.94, 0.94, fill=False, edgecolor=colour,
                                   linewidth=1.4, linestyle=line, zorder=2))
  axis.text(x + 0.04, y + 1.05, words[:14], size=5.2, va="center", zorder=2)
