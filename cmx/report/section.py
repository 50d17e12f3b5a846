"""A section of the report, and the pieces of page that sections are made of.

All of it is escaped here: a section passes text, and joins what comes back.
"""

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from cmx.analysis import figures
from cmx.analysis import tiles
from cmx.evaluation import examples
from cmx.report import opening

_SIDE = 72  # pixels of a thumbnail as shown
_LETTERS = 280  # of a text that is shown in place of a picture
_STORED = 96  # pixels as stored at most: sharp enough on a fine screen, 1 to 3 kB
_QUALITY = 60  # of WebP


class Section(NamedTuple):
  """One part of the page.

  Attributes:
    title: a few words; also its place in the contents.
    body: HTML, made with the functions below.
    careful: what to be careful about when reading it, a sentence of text each.
    problems: what is missing and why, a sentence of text each.
  """

  title: str
  body: str
  careful: Sequence[str] = ()
  problems: Sequence[str] = ()


def escape(text: Any) -> str:
  """Text as HTML."""
  return html.escape(str(text))


def anchor(title: str) -> str:
  """The id of an element with that title."""
  return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


def paragraph(text: str, kind: str = "") -> str:
  """A paragraph of text; `kind` is "" or a class of the style sheet: "note", "small"."""
  return f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
  """A table of text; the first column names the row, what follows stands to the right."""
  lines = ["".join(f'<th scope="col">{escape(word)}</th>' for word in head)]
  for first, *others in rows:
    lines.append(f'<th scope="row">{escape(first)}</th>'
                 + "".join(f"<td>{escape(word)}</td>" for word in others))
  above = f"<caption>{escape(caption)}</caption>" if caption else ""
  body = "".join(f"<tr>{line}</tr>" for line in lines[1:])
  return (f'<div class="wide"><table>{above}<thead><tr>{lines[0]}</tr></thead>'
          f"<tbody>{body}</tbody></table></div>")


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
  """Names and what they are, a line each."""
  lines = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
                  for name, value in pairs)
  return f'<div class="wide"><table class="facts"><tbody>{lines}</tbody></table></div>'


def figure(report: opening.Report, name: str, drawing: Any, caption: str) -> str:
  """A matplotlib figure on the page; also written to `<workdir>/report/<name>.png` and `.pdf`.

  Args:
    report: to which it belongs.
    name: of the files, unique in the report.
    drawing: made by `figures.new`; drawn with rasterized=True where there are thousands of points.
    caption: text that stands alone.
  """
  figures.write(drawing, report.folder, name)
  return framed(figures.svg(drawing), caption, f"{name}.png, {name}.pdf")


def written(report: opening.Report, name: str, drawing: Any) -> str:
  """Writes a figure of what the page shows in a form of its own; says so in a line."""
  figures.write(drawing, report.folder, name)
  return f'<p class="files">{escape(name)}.png, {escape(name)}.pdf</p>'


def framed(content: str, caption: str, files: str = "") -> str:
  """HTML `content` as a figure with a caption (text), and the names of its files beneath."""
  names = f' <span class="files">{escape(files)}</span>' if files else ""
  return (f'<figure><div class="wide">{content}</div>'
          f"<figcaption>{escape(caption)}{names}</figcaption></figure>")


def tile(example: examples.Example, side: int = _SIDE) -> str:
  """An example as a thumbnail, `side` pixels high: a picture, or a text, twice as wide."""
  what = f"{example.modality}, {example.category}"
  if (uri := _uri(example)) is not None:
    return (f'<img class="tile" src="{uri}" width="{side}" height="{side}" alt="{escape(what)}" '
            f'title="{escape(what)}">')
  words, lines = escape(tiles.words(example, _LETTERS)), max(1, (side - 7) // 11)
  return (f'<span class="tile text" style="width:{2 * side}px;height:{11 * lines + 7}px;'
          f'-webkit-line-clamp:{lines}" title="{escape(what)}: {words}">{words}</span>')


def tabs(name: str, parts: Sequence[tuple[str, str]], chosen: str = "") -> str:
  """HTML parts of which one is seen at a time, chosen by its title, and printed.

  Args:
    name: of the choice, unique in the report.
    parts: (title, HTML).
    chosen: how the title begins of the part that is open first; the first one where there is none.
  """
  if len(parts) == 1:
    return parts[0][1]
  name, lines = anchor(name), []
  opened = next((i for i, (title, _) in enumerate(parts) if title.startswith(chosen)), 0)
  for i, (title, content) in enumerate(parts):
    checked = " checked" if i == opened else ""
    lines.append(f'<input type="radio" name="{name}" id="{name}-{i}"{checked}>'
                 f'<label for="{name}-{i}">{escape(title)}</label>'
                 f'<div class="tab"><h4 class="printed">{escape(title)}</h4>{content}</div>')
  return f'<div class="tabs">{"".join(lines)}</div>'


def _uri(example: examples.Example) -> str | None:
  """A data: address of the example's picture; None where it is a text, or there is none."""
  if not example.is_picture:
    return None
  stored = io.BytesIO()
  square = tiles.tile(example, min(_STORED, max(example.input.shape[:2])))
  square.save(stored, "WEBP", quality=_QUALITY, method=4)
  return address(stored.getvalue())


def address(webp: bytes) -> str:
  """A data: address of a WebP file."""
  return "data:image/webp;base64," + base64.b64encode(webp).decode()
