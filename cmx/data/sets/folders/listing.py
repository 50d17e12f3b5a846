"""What a user's folders or manifest hold: one item an example, found without decoding anything.

  root/<modality>/<split>/<class>/<file>    images, .txt or .npy files
  root/<modality>/<split>.npz               vectors x [N, E] with labels y [N]
  manifest.csv, .tsv or .jsonl              path or text, modality, split, class; paths beside it
"""

import collections
import pathlib
from typing import NamedTuple

from cmx import config as config_lib
from cmx import data as data_lib
from cmx.data.sets.folders import items as items_lib
from cmx.data.sets.folders import manifests
from cmx.data.sets.folders import walking

_NEARLY = 0.9  # share of a modality's items of one kind from which on the others are strays


class Listing(NamedTuple):
  """Everything found below a root.

  Attributes:
    items: examples, in a stable order.
    bad: files, rows and folders that cannot be used.
    empty: modality folders without any example.
    left_out: modalities whose split `test` is not used, because they have a validation split.
    remarks: what was passed over, or read in a way that may surprise.
  """

  items: list[items_lib.Item]
  bad: list[items_lib.Bad]
  empty: list[str]
  left_out: list[str]
  remarks: list[str]


def find(options: config_lib.Folders) -> Listing:
  """Lists a root folder or a manifest.

  Raises:
    ValueError: if no path is given, the layout is another one, or the manifest does not read.
    FileNotFoundError: if the path does not exist.
  """
  if not options.path:
    raise ValueError("no path to your own data; expected --config.data.folders.path=ROOT, with "
                     f"{items_lib.LAYOUT}")
  root = pathlib.Path(options.path).expanduser()
  if not root.exists():
    raise FileNotFoundError(f"{root} does not exist; expected {items_lib.LAYOUT}")
  notes = items_lib.Notes()
  if root.is_dir():
    items = list(walking.of_root(root, notes))
    blamed = {items_lib.modality(pathlib.PurePath(file.file).parts[0]) for file in notes.bad}
    empty = sorted(set(walking.folders(root)) - {item.modality for item in items} - blamed)
  else:
    items, empty = list(manifests.of_file(root, notes)), []
  return _with_validation(_of_one_kind(items, notes), notes, empty)


def _of_one_kind(items: list[items_lib.Item], notes: items_lib.Notes) -> list[items_lib.Item]:
  """The items without the few of a modality that are of another kind than its others: bad ones."""
  counts: dict[str, collections.Counter] = {}
  for item in items:
    counts.setdefault(item.modality, collections.Counter())[item.kind] += 1
  main = {name: kinds.most_common(1)[0] for name, kinds in counts.items()
          if len(kinds) > 1 and kinds.most_common(1)[0][1] >= _NEARLY * kinds.total()}
  found = []
  for item in items:
    kind, count = main.get(item.modality, (item.kind, 0))
    if item.kind == kind:
      found.append(item)
    else:
      notes.bad.append(items_lib.Bad(item.key, f"{item.kind} where the other {count} of modality "
                                     f"{item.modality!r} are {kind}; expected one kind"))
  return found


def _with_validation(items: list[items_lib.Item], notes: items_lib.Notes,
                     empty: list[str]) -> Listing:
  """A split called "test" stands in for validation in modalities that have no other."""
  has = {item.modality for item in items if item.split == data_lib.VALIDATION}
  left_out = sorted({item.modality for item in items
                     if item.split == "test" and item.modality in has})
  items = [item._replace(split=data_lib.VALIDATION) if item.split == "test" else item
           for item in items if not (item.split == "test" and item.modality in has)]
  return Listing(items, notes.bad, empty, left_out, notes.all())
