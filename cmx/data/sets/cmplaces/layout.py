"""What of CMPlaces lies in the folder of archives, and what to say of what does not.

Known: Places205's archive of pictures and its two lists; `cmplaces.zip` with `text_train.txt` and
`text_val.txt` in `labels/`; `descriptions.zip`. The archives of clip art, spatial text and drawings
are not described anywhere public: lists of the same form and several likely names are accepted, and
without lists the folders <split>/<category>/<file>. What was found is reported.
"""

import hashlib
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

from cmx import data as data_lib
from cmx.data.sets.cmplaces import lists
from cmx.files import archives

SPLITS = {data_lib.TRAIN: "train", data_lib.VALIDATION: "val"}  # as the lists' names have them
_PLACES = "http://places.csail.mit.edu, Places205"
_CMPLACES = "http://cmplaces.csail.mit.edu"


class Part(NamedTuple):
  """What a modality is made from.

  Attributes:
    archives: names of its archive or folder, without suffix; the usual one first.
    lists: names of its lists, with {split} for train or val; the usual one first.
    source: where they are to be had.
  """

  archives: tuple[str, ...]
  lists: tuple[str, ...]
  source: str


def _part(source: str, *names: str) -> Part:
  return Part(names, tuple(f"{name}_{{split}}.txt" for name in names), source)


PARTS = {
  "natural": Part(("imagesPlaces205_resize", "natural"),
                  ("{split}_places205.csv", "natural_{split}.txt"), _PLACES),
  "clipart": _part(_CMPLACES, "clipart", "cliparts", "clip_art"),
  "spatial_text": _part(_CMPLACES, "spatial_text", "spatialtext", "spatial"),
  "drawing": _part(_CMPLACES, "line_drawings", "linedrawings", "line_drawing", "sketches",
                   "sketch", "drawings", "drawing"),
  "description": Part(("descriptions", "description", "text"),
                      ("text_{split}.txt", "descriptions_{split}.txt", "description_{split}.txt"),
                      _CMPLACES),
}
_HOLDERS = ("cmplaces", "trainvalsplit_places205", "labels")  # of lists: archives or folders
_CATEGORIES = "categories.txt"


class Located(NamedTuple):
  """What there is of a modality.

  Attributes:
    archive: its archive or folder.
    lists: by split; empty where there are none, and folders must say the split.
    first: number of the first category in lists with labels.
  """

  archive: pathlib.Path
  lists: dict[str, lists.List]
  first: int


def archive(folder: pathlib.Path, modality: str) -> pathlib.Path | None:
  """The archive or folder of a modality; None where there is none."""
  return _named(folder, PARTS[modality].archives)


def missing(folder: pathlib.Path, modalities: Iterable[str]) -> str:
  """Which archives are missing, where they are to be had and where to put them; "" for none."""
  lines = []
  for modality in modalities:
    part = PARTS[modality]
    if archive(folder, modality) is None:
      usual, *others = part.archives
      lines.append(f"  {modality}: {usual} ({', '.join(archives.SUFFIXES)} or a "
                   f"folder{'; or named ' if others else ''}{', '.join(others)}) with lists "
                   f"{' and '.join(part.lists[0].format(split=s) for s in SPLITS.values())}, from "
                   f"{part.source}")
  if not lines:
    return ""
  return "\n".join([
    f"archives are missing in {folder}:", *lines,
    "Put them there as they are, not unpacked; lists may lie in "
    f"{' or '.join(_HOLDERS[:2])} (.zip, .tar.gz), in a folder {_HOLDERS[2]}, or beside them."])


def locate(folder: pathlib.Path, modality: str) -> Located:
  """The archive of a modality and its lists, read.

  Raises:
    FileNotFoundError: if there is no archive.
    ValueError: if a list or an archive of lists does not read, or one split's list is missing.
  """
  path = archive(folder, modality)
  if path is None:
    raise FileNotFoundError(missing(folder, [modality]))
  texts: dict[str, tuple[str, bytes]] = {}
  for holder in files(folder, modality):
    if holder.suffix in (".txt", ".csv"):
      texts[holder.name] = (str(holder), holder.read_bytes())
    elif holder != path or not archives.is_stream(path):  # the pictures' stream is long
      texts |= _texts(holder)
  by_split = {}
  for split, short in SPLITS.items():
    for name in PARTS[modality].lists:
      if name.format(split=short) in texts:
        by_split.setdefault(split, lists.parse(*texts[name.format(split=short)]))
  if len(by_split) == 1:
    have = next(iter(by_split.values())).name
    other = PARTS[modality].lists[0].format(split=(set(SPLITS) - set(by_split)).pop())
    raise ValueError(f"of {modality}'s lists there is only {have}; expected {other} too, beside it")
  first = lists.first_label(*texts[_CATEGORIES]) if _CATEGORIES in texts else 0
  return Located(path, by_split, first)


def _named(folder: pathlib.Path, names: Iterable[str]) -> pathlib.Path | None:
  """The first archive or folder of one of these names, whatever the case."""
  entries = {entry.name.lower(): entry for entry in sorted(folder.iterdir())} if (
    folder.is_dir()) else {}
  for name in names:
    for suffix in (*archives.SUFFIXES, ""):
      entry = entries.get(f"{name}{suffix}".lower())
      if entry is not None and (suffix or entry.is_dir()):
        return entry
  return None


def _texts(holder: pathlib.Path) -> dict[str, tuple[str, bytes]]:
  """{file name: (what messages call it, content)} of lists in an archive or folder."""
  wanted = {_CATEGORIES} | {name.format(split=split) for part in PARTS.values()
                            for name in part.lists for split in SPLITS.values()}
  with archives.Reader(holder) as reader:
    return {member.name.rsplit("/", 1)[-1]: (f"{holder}:{member.name}", reader.read(member))
            for member in archives.members(holder)
            if member.name.rsplit("/", 1)[-1] in wanted}


def files(folder: pathlib.Path, modality: str) -> list[pathlib.Path]:
  """The archive or folder of a modality, and all that lists may lie in; those that there are."""
  holders = [archive(folder, modality), *(_named(folder, [name]) for name in _HOLDERS),
             *sorted(folder.glob("*.txt")), *sorted(folder.glob("*.csv"))]
  return [path for path in holders if path is not None]


def stamp(folder: pathlib.Path, modality: str) -> str:
  """A short hash that changes when the archive of a modality or any list does."""
  total = hashlib.sha256()
  for path in files(folder, modality):
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
      state = file.lstat()
      total.update(f"{file.relative_to(folder)} {state.st_size} {state.st_mtime_ns}\n".encode())
  return total.hexdigest()[:16]
