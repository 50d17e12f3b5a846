"""What reads well and may not be meant: remarks that keep nobody from training."""

import collections
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from cmx.data.sets.folders import items as items_lib
from cmx.files import pictures
from cmx.files import text as text_lib

_NAMED = 5  # examples that a remark names
_DARK = 25  # of 255
_NOTHING = ("nan", "none", "null", "n/a", "na", "#n/a", "nil", "undefined")  # lower case
_LARGE = 1e4  # of a vector's entries; what networks are given is about 1
_CHUNK = 200_000  # characters of a text that are looked at


class Doubts:
  """Looks at examples one by one and counts what is odd."""

  def __init__(self):
    self._found: dict[str, list[str]] = collections.defaultdict(list)

  def look(self, item: items_lib.Item, x: Any) -> None:
    """Looks at an example: a text, uint8 [H, W, 3] or float32 [E]."""
    for what in {"text": _of_text, "pixels": _of_picture, "vector": _of_vector}[item.kind](
        x, item.path):
      self._found[what].append(item.key)

  def remarks(self) -> list[str]:
    """A remark for each kind of oddness that was seen, with how often and where."""
    lines = []
    for what, keys in self._found.items():
      named = text_lib.some([text_lib.shown(key) for key in keys], _NAMED)
      lines.append(f"{what}: {len(keys)} ({named})")
    return lines


def _of_text(x: str, path: pathlib.Path | None) -> list[str]:
  del path
  scripts = text_lib.unspaced(x[:_CHUNK])
  return [
    *(["texts without a word, of which encoders by words make zero vectors"]
      if not text_lib.words(x) else []),
    *([f"texts with {what}"] if (what := text_lib.odd(x[:_CHUNK])) else []),
    *([f"texts that say {x!r} alone, as tables do where a cell is empty"]
      if x.lower() in _NOTHING else []),
    *([f"texts in a script without blanks between words ({', '.join(scripts)}), which encoder "
       "hashing reads by pairs of letters and encoder words by the longest words of its file"]
      if scripts else [])]


def _of_picture(x: np.ndarray, path: pathlib.Path) -> list[str]:
  if dark := pictures.doubt(path):
    return [f"pictures of {dark}, which come out dark: scale them, unless it is meant"]
  white = (x == 255).all(axis=2)
  inner = x[~white.all(axis=1)][:, ~white.all(axis=0)]  # without what makes them square
  if not inner.any():
    return ["pictures of plain white or black"]
  return [f"pictures without anything brighter than {_DARK} of 255, as masks are: scale them, "
          "unless it is meant"] if inner.max() <= _DARK and (inner != inner[0, 0]).any() else []


def _of_vector(x: np.ndarray, path: pathlib.Path | None) -> list[str]:
  del path
  largest = np.abs(x).max()
  return [*(["vectors of zeros alone"] if not largest else []),
          *([f"vectors with entries beyond {_LARGE:,.0f}; scale them, as training may diverge"]
            if largest > _LARGE else [])]


def of_names(names: Iterable[str], what: str) -> list[str]:
  """Remarks on names that people take for the same: "living room" and "living_room"."""
  names = list(names)
  case = collections.Counter(name.casefold() for name in names)
  alike = collections.Counter(text_lib.alike(name) for name in names)
  twins = [name for name in names if case[name.casefold()] > 1]
  others = [name for name in names if alike[text_lib.alike(name)] > 1 and name not in twins]
  found = [(twins, "case"), (others, "blanks, signs or letters that look alike")]
  said = [f"names that differ by {by} only: {', '.join(map(text_lib.shown, its))}; they count as "
          f"different {what}" for its, by in found if its]
  single = [
    ("as tables have where a cell is empty", [n for n in names if n.lower() in _NOTHING]),
    ("of letters of several alphabets, which look alike",
     [ascii(name)[1:-1] for name in names if text_lib.mixed(name)]),
    ("that seem misread", [name for name in names if text_lib.odd(name)])]
  return said + [f"names {why}: {', '.join(map(text_lib.shown, its))}"
                 for why, its in single if its]
