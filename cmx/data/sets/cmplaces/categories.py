"""The 205 categories of Places, in the order of their labels.

`categories.txt` holds their public names, a line each, in label order: line number - 1 = label.
Sub-types stand behind a slash there and in Places' folders; CMPlaces and class names here join them
with an underscore.

Source: Zhou et al. 2014, Learning Deep Features for Scene Recognition using Places Database.
"""

import difflib
import pathlib
from collections.abc import Sequence

_TEXT = (pathlib.Path(__file__).parent / "categories.txt").read_text(encoding="utf-8")
NAMES = tuple(line.replace("/", "_") for line in _TEXT.split())
_LABELS = {name: label for label, name in enumerate(NAMES)}


def of_path(folders: Sequence[str]) -> int | None:
  """Label of the category that the last folders of a path name; None where there is none.

  Args:
    folders: of the path, outermost first, e.g. ("images256", "b", "bakery", "shop").
  """
  for start in range(len(folders)):  # the longest name first
    label = _LABELS.get("_".join(folders[start:]))
    if label is not None:
      return label
  return None


def label_of(name: str) -> int | None:
  """Label of a category as others write it: "/b/bakery/shop", "bakery-shop", "Bakery shop"."""
  plain = "_".join(name.lower().replace("/", " ").replace("-", " ").replace("_", " ").split())
  label = _LABELS.get(plain)
  return _LABELS.get(plain[2:]) if label is None and plain[1:2] == "_" else label


def unknown(name: str) -> str:
  """What to say of a name that is none of the categories."""
  close = difflib.get_close_matches(name, NAMES, 3)
  hint = f"; closest: {', '.join(close)}" if close else ""
  return f"category {name!r} is not among the {len(NAMES)} of Places{hint}"
