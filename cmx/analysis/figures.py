"""Figures: the one home of matplotlib. A figure is written as PNG and PDF, and as SVG for a page.

On a page, the SVG's ink, shades and ground are the page's own, so that one drawing serves light
and dark: draw within `style()`, with `INK`, `MUTED`, `LINE`, `PAPER` and the colours of `COLOURS`,
which stand out on both grounds and differ for eyes that do not tell red from green.
"""

import contextlib
import functools
import io
import pathlib
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from PIL import Image

from cmx.files import fonts

INK, MUTED, LINE, PAPER = "#1f2329", "#68707a", "#d4d8dd", "#fefefe"
_ON_PAGE = {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)", PAPER: "var(--paper)"}
COLOURS = ("#1f80c4", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#9a7b45", "#8c62ab",
           "#8fae1b", "#7f7f7f")  # the first six are near those of Okabe and Ito
MARKERS = ("o", "s", "^", "D", "X", "P", "v", "*", "<", ">")
_NOT_FOR_PAGES = (r"<metadata>.*?</metadata>\s*", r"<style.*?</style>\s*",
                  r"font-family: [^;\"]*;? ?")
_STYLE = {
  "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left",
  "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 8,
  "text.color": INK, "axes.labelcolor": INK, "axes.titlecolor": INK, "axes.edgecolor": MUTED,
  "xtick.color": MUTED, "ytick.color": MUTED, "grid.color": LINE, "axes.facecolor": "none",
  "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7,
  "legend.frameon": False, "figure.facecolor": PAPER, "savefig.facecolor": PAPER,
  "text.parse_math": False,  # names may hold dollars
  "pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "cmx"}
_DPI = 200
_MISSING = re.compile(r"Glyph (\d+) .* missing from")  # how matplotlib says so


def new(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple:
  """A figure of that many inches and its axes, a list of lists [rows][columns].

  Args:
    width: inches; type is 9 points high, so a page's column is about 10 inches.
    height: inches.
    rows: of axes.
    columns: of axes.
    **options: of matplotlib's `Figure.subplots`, e.g. sharex=True.

  Raises:
    ValueError: if matplotlib is not installed.
  """
  _, figure = _matplotlib()
  drawing = figure.Figure(figsize=(width, height), layout="constrained")
  return drawing, drawing.subplots(rows, columns, squeeze=False, **options).tolist()


def _matplotlib():
  try:
    import matplotlib
    from matplotlib import figure
  except ImportError as error:
    raise ValueError("figures need matplotlib: pip install 'cmx[explore]'") from error
  return matplotlib, figure


@contextlib.contextmanager
def style() -> Iterator[None]:
  """Everything drawn within has the same type, lines and ink."""
  matplotlib, _ = _matplotlib()
  with matplotlib.rc_context(_STYLE):
    yield


def write(figure: Any, folder: pathlib.Path, name: str) -> None:
  """Writes `<folder>/<name>.png` and `.pdf`, equal for equal figures."""
  folder.mkdir(parents=True, exist_ok=True)
  with style():
    if figure.get_layout_engine() is not None:  # once is enough: it costs more than drawing
      _with_letters(figure, figure.draw_without_rendering)
      figure.set_layout_engine("none")
    save(figure, folder / f"{name}.png", dpi=_DPI, metadata={"Software": None})
    save(figure, folder / f"{name}.pdf", dpi=_DPI,
         metadata={"CreationDate": None, "Creator": None, "Producer": None})


def save(figure: Any, to: pathlib.Path | io.StringIO | io.BytesIO, **options: Any) -> None:
  """Writes a figure, letters that its font lacks in one that has them; says which none has.

  Args:
    figure: of `new`.
    to: file or stream.
    **options: of matplotlib's `Figure.savefig`.
  """
  def draw():
    if not isinstance(to, pathlib.Path):
      to.seek(0)
      to.truncate()
    figure.savefig(to, **options)

  _with_letters(figure, draw)


def _with_letters(figure: Any, draw: Callable[[], None]) -> None:
  """Draws; once more, with other fonts, where those that the figure has lack letters."""
  with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    draw()
  missing = [_MISSING.match(str(warning.message)) for warning in said]
  for warning, letter in zip(said, missing):
    if letter is None:
      warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
  letters = "".join(sorted({chr(int(letter[1])) for letter in missing if letter}))
  if letters and _add_fonts(figure, letters):
    with warnings.catch_warnings():  # what is still missing has been said
      warnings.filterwarnings("ignore", _MISSING.pattern)
      draw()


def _add_fonts(figure: Any, letters: str) -> bool:
  """Gives all text fonts for letters that its own lacks, where the machine has any."""
  from matplotlib import text
  names = [_family(path) for path in fonts.files_with(letters)]
  for words in figure.findobj(text.Text) if names else ():
    words.set_fontfamily([*words.get_fontfamily(), *names])
  return bool(names)


@functools.cache
def _family(path: str) -> str:
  """The name by which matplotlib knows the font of a file."""
  from matplotlib import font_manager
  font_manager.fontManager.addfont(path)
  return font_manager.FontProperties(fname=path).get_name()


def image(figure: Any, *, dpi: int = 100) -> Image.Image:
  """The figure as a picture, which a notebook shows wherever it was drawn."""
  buffer = io.BytesIO()
  with style():
    save(figure, buffer, format="png", dpi=dpi)
  return Image.open(buffer)


def svg(figure: Any) -> str:
  """A figure of `new` as an <svg> element that takes ink and ground from the page."""
  buffer = io.StringIO()
  with style():
    save(figure, buffer, format="svg", dpi=144, transparent=True, metadata={"Date": None})
  text = buffer.getvalue()
  text = text[text.index("<svg"):]
  for pattern in _NOT_FOR_PAGES:
    text = re.sub(pattern, "", text, flags=re.DOTALL)
  used = set(re.findall(r"#([\w-]+)", text))
  text = re.sub(r' id="([\w-]+)"', lambda match: match[0] if match[1] in used else "", text)
  text = re.sub(r"(font: [^;\"']*)'[^;\"]*", r"\1var(--sans)", text)
  for colour, variable in _ON_PAGE.items():
    text = text.replace(colour, variable)
  return text


def short(name: str, letters: int) -> str:
  """A name for a place of so many letters: cut with an ellipsis where it is longer."""
  words = " ".join(name.replace("_", " ").split())
  return words if len(words) <= letters else f"{words[:letters - 3].rstrip()}..."


def colours(names: Sequence[str]) -> dict[str, str]:
  """A colour for each name, by its place."""
  return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def markers(names: Sequence[str]) -> dict[str, str]:
  """A marker for each name, by its place: what colour says, said once more."""
  return {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(names)}
