"""Which member of an archive is which example: lists matched with the archive, or class folders."""

import collections
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from cmx import data as data_lib
from cmx.data.sets.cmplaces import categories
from cmx.data.sets.cmplaces import layout
from cmx.data.sets.cmplaces import lists
from cmx.files import archives
from cmx.files import text as text_lib

_FOLDERS = {"train": data_lib.TRAIN, "training": data_lib.TRAIN, "val": data_lib.VALIDATION,
            "valid": data_lib.VALIDATION, "validation": data_lib.VALIDATION}
_TRIED = 100  # lines of a list from which it is seen how its paths differ from the archive's
_SHOWN = 10  # missing files that a message names


class Entry(NamedTuple):
  """One example to make: its key, its label, where it lies, and what messages call it by."""

  key: str
  label: int
  member: archives.Member
  where: str


class Plan(NamedTuple):
  """All examples of a modality.

  Attributes:
    archive: archive or folder that they lie in.
    entries: by split, in the archive's order.
    remarks: what was found, a sentence each.
  """

  archive: pathlib.Path
  entries: dict[str, list[Entry]]
  remarks: list[str]


class Rule(NamedTuple):
  """How a list's path becomes an archive's: leading folders are left out, others put before."""

  without: int
  before: tuple[str, ...]

  def apply(self, path: str) -> str:
    """The member that a path of a list names."""
    return "/".join((*self.before, *_parts(path)[self.without:]))


_Members = dict[str, tuple[int, archives.Member]]
_Numbered = dict[str, list[tuple[int, Entry]]]


def plan(folder: pathlib.Path, modality: str) -> Plan:
  """The examples of a modality of `layout.PARTS`, as the lists or class folders of `folder` say.

  Raises:
    FileNotFoundError: if there is no archive.
    ValueError: if archive and lists do not fit; the message names file and line.
  """
  located = layout.locate(folder, modality)
  members: _Members = {}
  for number, member in enumerate(archives.members(located.archive)):
    if members.setdefault(member.name, (number, member))[1] is not member:
      raise ValueError(f"{located.archive} holds {member.name} twice; expected each file once: "
                       "pack it again")
  if located.lists:
    chosen, remarks = _by_lists(located, members)
  else:
    chosen, remarks = _by_folders(located, members)
  total = sum(map(len, chosen.values()))
  remarks.append(f"{total:,} of {len(members):,} files are used")
  return Plan(located.archive, {split: [entry for _, entry in sorted(numbered)]
                                for split, numbered in chosen.items()}, remarks)


def _by_lists(part: layout.Located, members: _Members) -> tuple[_Numbered, list[str]]:
  chosen: _Numbered = {}
  listed_at: dict[str, str] = {}
  remarks = []
  for split, listed in part.lists.items():
    rule = _rule(part.archive, listed, members)
    missing = [line for line in listed.lines if rule.apply(line.path) not in members]
    if missing:
      raise _lacking(part.archive, listed, missing, rule)
    chosen[split] = []
    for line in listed.lines:
      number, member = members[rule.apply(line.path)]
      label = lists.label(listed, line, _parts(line.path)[:-1], part.first)
      where = f"{listed.name} line {line.number}"
      if (before := listed_at.setdefault(member.name, where)) != where:
        raise ValueError(f"{where}: {line.path} is listed in {before} too; expected it once, in "
                         "one split. Remove one of the lines")
      chosen[split].append((number, Entry(member.name, label, member, where)))
    example = listed.lines[0].path
    remarks.append(f"{listed.name}: {len(listed.lines):,} lines; {example} is "
                   f"{rule.apply(example)} in {part.archive.name}")
  return chosen, remarks


def _rule(archive: pathlib.Path, listed: lists.List, members: _Members) -> Rule:
  """The rule that most of the first lines agree on."""
  lines = listed.lines[:_TRIED]
  names = {_parts(line.path)[-1] for line in lines}
  candidates = collections.defaultdict(list)
  for name in members:
    if (last := name.rsplit("/", 1)[-1]) in names:
      candidates[last].append(_parts(name))
  votes = collections.Counter()
  for line in lines:
    path = _parts(line.path)
    like = [(_common(path, other), other) for other in candidates[path[-1]]]
    if like:
      common, other = max(like)
      votes[Rule(len(path) - common, tuple(other[:len(other) - common]))] += 1
  if not votes:
    raise ValueError(f"{archive} has none of the first {len(lines)} files that {listed.name} "
                     f"names, such as {lines[0].path}; it has, for example, "
                     f"{next(iter(members), 'no file at all')}. Is it the archive of this list?")
  return votes.most_common(1)[0][0]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
  """How many parts two paths have in common, counted from the end."""
  count = 0
  while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
    count += 1
  return count


def _parts(path: str) -> list[str]:
  return [part for part in path.split("/") if part not in ("", ".")]


def _lacking(archive: pathlib.Path, listed: lists.List, missing: Sequence[lists.Line],
             rule: Rule) -> ValueError:
  named = text_lib.some([f"line {line.number}: {line.path}, looked for as {rule.apply(line.path)}"
                         for line in missing], _SHOWN, "\n  ")
  return ValueError(f"{listed.name} names {len(missing):,} files that {archive} does not have:\n"
                    f"  {named}\nGet the whole archive, or remove the lines")


def _by_folders(located: layout.Located, members: _Members) -> tuple[_Numbered, list[str]]:
  chosen: _Numbered = {split: [] for split in layout.SPLITS}
  for name, (number, member) in members.items():
    parts = name.split("/")
    place = next((i for i, part in enumerate(parts[:-1]) if part.lower() in _FOLDERS), None)
    if place is None:
      continue
    label = categories.of_path(parts[place + 1:-1])
    where = f"{located.archive}: {name}"
    if label is None:
      raise ValueError(f"{where}: {categories.unknown('/'.join(parts[place + 1:-1]))}. Rename or "
                       "remove the folder")
    chosen[_FOLDERS[parts[place].lower()]].append((number, Entry(name, label, member, where)))
  for split, numbered in chosen.items():
    if not numbered:
      raise ValueError(
        f"{located.archive} has no list beside it and no folder "
        f"{layout.SPLITS[split]}/<category>/; it has, for example, "
        f"{next(iter(members), 'no file at all')}. Put the lists beside it, "
        "or sort the files into train/<category>/ and val/<category>/")
  return chosen, [f"{located.archive} has no list: class folders of train and val say what is what"]
