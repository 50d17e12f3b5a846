"""Tables of text, row by row and strictly: csv, tsv and jsonl, with the line of every row.

Nothing is cut, merged or swallowed: a row of more or fewer cells than the header, a quote that is
not closed, a column or key given twice, another separator are said with their line. Empty rows, as
spreadsheets leave them, are passed over and counted by the caller.
"""

import csv
import json
import pathlib
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from cmx.files import json_files
from cmx.files import kinds
from cmx.files import text as text_lib

SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".jsonl": "", ".ndjson": ""}
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}
_CELL = 1 << 24  # characters; the csv module's own limit is 131,072
_SHOWN = 60  # characters of a row that a message quotes
_END_OF_FILE = "\x1a"  # DOS's
_BLANKS = " \t\r\n\ufeff"  # around an object
_RETURN = re.compile(r"(?<=\r)(?!\n)")


class Row(NamedTuple):
  """A row as read.

  Attributes:
    line: of its beginning, from 1.
    values: by column; None where the row cannot be read, or is empty.
    why: why it cannot be read; "" where it can, or is empty.
    empty: whether there is nothing in it.
  """

  line: int
  values: Any
  why: str = ""
  empty: bool = False


def rows(path: pathlib.Path, columns: Sequence[str], required: Sequence[Sequence[str]],
         is_row: Callable[[dict[str, str]], bool] = lambda values: False) -> Iterator[Row]:
  """The rows of a table, of the form that its suffix names.

  Args:
    path: file; one of `SUFFIXES`.
    columns: those that the caller knows; in a header their case and blanks around do not count.
    required: those without which it is no such table; of each group one at least.
    is_row: whether cells by column look like a row of their own; where lines within one cell do, a
      quote was left open above them.

  Raises:
    ValueError: if it is no such table at all, or goes wrong so that no later row can be told.
  """
  found = kinds.sentence_at(path, "empty")
  if found:
    raise ValueError(f"{path} {found}")
  separator = SUFFIXES[path.suffix.lower()]
  if separator:
    yield from _delimited(path, separator, columns, required, is_row)
  else:
    yield from _objects(path, columns)


def _lines(path: pathlib.Path) -> Iterator[str]:
  """Lines of a UTF-8 file with their ends, which may be those of any system."""
  offset = 0
  with path.open("rb") as file:
    for number, line in enumerate(file, 1):
      try:
        words = line.decode("utf-8-sig" if number == 1 else "utf-8")
      except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error.reason} at byte {offset + error.start}, "
                         f"line {number}; is it of another encoding? Save it as UTF-8, or convert "
                         "it: iconv -f cp1252 -t utf-8 "
                         + _beside(path, f"utf8_{path.name}")) from error
      offset += len(line)
      yield from _RETURN.split(words) if "\r" in words else (words,)


def _delimited(path: pathlib.Path, separator: str, columns: Sequence[str],
               required: Sequence[Sequence[str]], is_row: Callable) -> Iterator[Row]:
  csv.field_size_limit(_CELL)
  lines = []  # of the row being read

  def remembered() -> Iterator[str]:
    for line in _lines(path):
      lines.append(line)
      yield line

  reader = csv.reader(remembered(), delimiter=separator, strict=True)
  header = None
  while True:
    start = reader.line_num + 1
    lines.clear()
    try:
      cells = next(reader, None)
    except csv.Error as error:
      raise ValueError(_quote(path, start, reader.line_num, f"{error}")) from error
    if cells is None:
      break
    if not any(cell.strip(_END_OF_FILE).strip() for cell in cells):
      yield Row(start, None, empty=True)
    elif header is None:
      if not (len(cells) <= 2 and lines[0].lower().startswith("sep=")):  # Excel's own first line
        header = _header(path, cells, lines[0], separator, columns, required)
    else:
      yield _row(start, cells, header, lines, separator, is_row)
  if header is None:
    raise ValueError(_missing(path, [], required))


def _quote(path: pathlib.Path, start: int, end: int, error: str) -> str:
  if "expected after" in error and start == end:
    return (f"{path} line {start}: after a closing quote comes something else than a separator; "
            'quotes within a cell are doubled: "a ""big"" bed"')
  return (f"{path} line {start}: a quote that opens there is not closed, up to line {end}; close "
          "it, and double quotes within a cell")


def _header(path: pathlib.Path, cells: list[str], line: str, separator: str,
            columns: Sequence[str], required: Sequence[Sequence[str]]) -> list[str]:
  """Names of the columns; those that the caller knows in their one form."""
  names = [_known(cell, columns) for cell in cells]
  for other in _NAMES:
    theirs = {_known(cell.strip('"'), columns) for cell in line.strip().split(other)}
    if other != separator and _lacks(names, required) and not _lacks(theirs, required):
      raise ValueError(f"{path} line 1: its columns are separated by {_NAMES[other]}; expected "
                       f"{_NAMES[separator]}: {_rename(path, other)}")
  if _lacks(names, required):
    raise ValueError(_missing(path, names, required))
  twice = next((name for name in columns if names.count(name) > 1), None)
  if twice:
    places = " and ".join(f"{place}" for place, name in enumerate(names, 1) if name == twice)
    raise ValueError(f"{path} line 1: column {twice} is there {names.count(twice)} times (columns "
                     f"{places}); expected it once: remove or rename the others")
  return names


def _rename(path: pathlib.Path, separator: str) -> str:
  suffix = next((suffix for suffix, its in SUFFIXES.items() if its == separator), "")
  return f"name it {suffix}" if suffix else (
    'python -c "import csv, sys; csv.writer(sys.stdout).writerows('
    f"csv.reader(sys.stdin, delimiter='{separator}'))\" < "
    + _beside(path, f"commas_{path.stem}.csv"))


def _lacks(names: Collection[str], required: Sequence[Sequence[str]]) -> list[str]:
  return sorted(" or ".join(group) for group in required if not set(group) & set(names))


def _missing(path: pathlib.Path, names: Sequence[str], required: Sequence[Sequence[str]]) -> str:
  wanted = ", ".join(" or ".join(group) + " (or both)" * (len(group) > 1) for group in required)
  return (f"{path} has columns {text_lib.shown(', '.join(names), 4 * _SHOWN) or 'none'}; expected "
          f"{wanted}; missing: {', '.join(_lacks(names, required))}")


def _known(cell: str, columns: Sequence[str]) -> str:
  name = text_lib.folded(cell).strip()
  return name.casefold() if name.casefold() in columns else name


def _row(start: int, cells: list[str], header: list[str], lines: list[str], separator: str,
         is_row: Callable) -> Row:
  more = cells[len(header):]
  if any(cell.strip() for cell in more):
    return Row(start, None, f"{len(cells)} cells; expected {len(header)}, as in the header. Does a "
               'text hold the separator? Put it in plain quotes: "a, b"')
  for offset, line in enumerate(lines[:-1]):  # of a row over several; its end is not to be told
    inner = line.rstrip("\r\n").split(separator)
    opens = next((place for place, cell in enumerate(inner) if cell.count('"') % 2), 0)
    if (len(inner) >= len(header) and is_row(dict(zip(header, inner)))
        and (offset or opens < len(header) - 1)):  # its own last cell may go on
      return Row(start, None, f"a cell goes on to line {start + len(lines) - 1} and holds whole "
                 f"rows, as that of line {start + offset}; is a quote left open there?")
  values = dict(zip(header, cells))
  short = [name for name in header[len(cells):] if name]
  return Row(start, {**values, **dict.fromkeys(short)},
             f"{len(cells)} cells; expected {len(header)}: {', '.join(header)}" if short else "")


def _objects(path: pathlib.Path, columns: Sequence[str]) -> Iterator[Row]:
  def of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return json_files.unique([(_known(name, columns), value) for name, value in pairs])

  first = True
  for number, line in enumerate(_lines(path), 1):
    if not line.strip(_BLANKS + _END_OF_FILE):
      continue
    try:
      found = json.loads(line.strip(_BLANKS), object_pairs_hook=of_pairs)
      if first and isinstance(found, list):
        raise ValueError(_array(path))
      yield Row(number, found)
    except (ValueError, RecursionError) as error:
      why = _why_no_json(line, error, path)
      if first:
        raise ValueError(f"{path} does not read as {path.suffix}: line {number}: {why}") from error
      yield Row(number, None, why)
    first = False


def _array(path: pathlib.Path) -> str:
  return ("an array begins here; expected one object a line: jq -c '.[]' "
          + _beside(path, f"lines_{path.stem}.jsonl"))


def _beside(path: pathlib.Path, name: str) -> str:
  """End of a command that makes another file of this one, beside it: paths in it still hold."""
  return f"{shlex.quote(str(path))} > {shlex.quote(str(path.with_name(name)))}"


def _why_no_json(line: str, error: Exception, path: pathlib.Path) -> str:
  """What is wrong with a line that should be one object of JSON."""
  line = line.strip(_BLANKS)
  if isinstance(error, RecursionError):
    return "brackets nested too deep; expected one flat object"
  if not isinstance(error, json.JSONDecodeError):
    return f"{error}"
  on = error.msg != "Extra data" and error.pos >= len(line) - 1
  if line.startswith("[") and on:
    return _array(path)
  if line.startswith("{") and on:
    return ("an object goes on in the next line; expected one object a line: jq -c . "
            + _beside(path, f"lines_{path.stem}.jsonl"))
  what = {"Extra data": "more follows after the object; expected one object a line"}.get(
    error.msg, f"{error.msg} at character {error.pos + 1}")
  return f"{what}: {text_lib.shown(line, _SHOWN)}"
