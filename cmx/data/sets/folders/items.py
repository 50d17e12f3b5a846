"""One item an example of a user's own data, and what a search for them comes across."""

import collections
import dataclasses
import functools
import pathlib
import re
from typing import NamedTuple

from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.files import text as text_lib

SPLITS = {"train": data_lib.TRAIN, "training": data_lib.TRAIN, "validation": data_lib.VALIDATION,
          "valid": data_lib.VALIDATION, "val": data_lib.VALIDATION, "test": "test"}
LAYOUT = ("root/<modality>/<train|validation>/<class>/<file>, "
          "root/<modality>/<train|validation>.npz, "
          "or a .csv, .tsv or .jsonl manifest with path (or text), modality, split, class")
_NAME = re.compile(r"\w[\w-]*")
_BYTES = 100  # of a modality's name, which becomes a part of several files' names
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[/\\.]\S*|\d[\d,]*")
_SHOWN = 5  # of what was passed over, by name
_SEVERAL, _MOST = 4, 40  # bad files of a reason that have one line; lines


class Item(NamedTuple):
  """One example: where it is, and what it is said to be.

  Attributes:
    modality: its name; one of CMPlaces' codes is replaced by the name that it stands for.
    split: "train" or "validation".
    class_name: name of its class.
    kind: "pixels", "text" or "vector".
    key: stable name: its path below the root, with "#row" in a table or manifest.
    path: file; None for a text that stands in the manifest.
    row: row of an .npz table, else 0.
    text: text that stands in the manifest, else "".
  """

  modality: str
  split: str
  class_name: str
  kind: str
  key: str
  path: pathlib.Path | None
  row: int = 0
  text: str = ""


class Bad(NamedTuple):
  """A file that cannot be used, and why."""

  file: str
  why: str


@dataclasses.dataclass
class Notes:
  """What a search comes across beside items.

  Attributes:
    bad: files, rows and folders that cannot be used.
    passed: what is passed over as none of the user's, by name.
    remarks: what is read in a way that may surprise.
  """

  bad: list[Bad] = dataclasses.field(default_factory=list)
  passed: collections.Counter = dataclasses.field(default_factory=collections.Counter)
  remarks: list[str] = dataclasses.field(default_factory=list)

  def all(self) -> list[str]:
    """The remarks, with one on what was passed over."""
    if not self.passed:
      return list(dict.fromkeys(self.remarks))
    named = [f"{text_lib.shown(name)}" + (f" ({count})" if count > 1 else "")
             for name, count in self.passed.most_common(_SHOWN)]
    more = len(self.passed) - len(named)
    named += [f"{more} more"] if more else []
    return [*dict.fromkeys(self.remarks), f"passed over: {', '.join(named)}"]


def modality(name: str) -> str:
  """The modality's name in one form, where one of CMPlaces' codes stands for it."""
  name = text_lib.normal(name)
  return next((row.name for row in modalities_lib.CMPLACES if row.code == name), name)


@functools.lru_cache
def why_no_modality(name: str) -> str:
  """Why this cannot name a modality, which is a folder, a parameter, a heading; "" where it can."""
  if not _NAME.fullmatch(text_lib.without_marks(name)):
    return "expected letters, digits, _ and - only"
  if len(name.encode()) > _BYTES:
    return f"{len(name.encode())} bytes; expected {_BYTES} at most"
  return ""


def lines(bad: list[Bad]) -> list[str]:
  """The bad files as people read them: one line each, but one for many of the same reason.

  Reasons are the same where they differ in numbers, names in quotes and paths alone. What would be
  too many lines is counted in the last one.
  """
  groups: dict[str, list[Bad]] = {}
  for one in bad:
    groups.setdefault(_VARYING.sub("", one.why), []).append(one)
  found = []
  for group in groups.values():
    files = [text_lib.shown(one.file) for one in group]
    why = text_lib.shown(group[0].why)
    if len(files) < _SEVERAL:
      found += [f"{file}: {text_lib.shown(one.why)}" for file, one in zip(files, group)]
    elif len({one.why for one in group}) == 1:
      found.append(f"{len(files)} of one kind: {why}: {text_lib.some(files, _SEVERAL - 1)}")
    else:
      found.append(f"{len(files)} of one kind, the first {files[0]}: {why}; then "
                   f"{text_lib.some(files[1:], _SEVERAL - 2)}")
  if len(found) > _MOST:
    found[_MOST - 1:] = [f"and {len(found) - _MOST + 1} lines more; python -m launch.check has all "
                        "with --json"]
  return found
