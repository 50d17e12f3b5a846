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
      named = ", ".join(text_lib.shown(key) for key in keys[:_NAMED])
      more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
      lines.append(f"{what}: {len(keys)} ({named}{more})")
    return lines


def _of_text(x: str, path: pathlib.Path | None) -> list[str]:
  del path
  scripts = text_lib.unspaced(x[:_CHUNK])
  return [
    *(["texts without a word, of which encoders by words make zero vectors"]
      if not text_lib.words(x) else []),
    *(["texts with U+FFFD, which stands for letters that were lost in a conversion"]
      if "\ufffd" in x else []),
    *([f"texts in a script without blanks between words ({', '.join(scripts)}), which encoder "
       "hashing reads by pairs of letters and encoder words by the longest words of its file"]
      if scripts else [])]


def _of_picture(x: np.ndarray, path: pathlib.Path) -> list[str]:
  found = ["pictures of plain white or black"] if x.min() == x.max() in (0, 255) else []
  if dark := pictures.doubt(path):
    found.append(f"pictures of {dark}, which come out dark: scale them, unless it is meant")
  return found


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
  return [f"names that differ by {by} only: {', '.join(map(text_lib.shown, its))}; they count as "
          f"different {what}" for its, by in found if its]
