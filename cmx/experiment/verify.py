"""Whether what lies below a work directory is as it was written, and how the rest is had again."""

import json
import pathlib
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cmx import fields
from cmx.files import manifest
from cmx.files import writing
from cmx.runtime import progress
from cmx.training import checkpoint
from cmx.training import workdir as workdir_lib

# What a run has without a manifest where an older version has made it, by its name in messages.
_KINDS = {"checkpoints": "checkpoints/*[0-9]/_CHECKPOINT_METADATA", "results": "result.json",
          "features": "features/*/modalities.json", "mixtures": "mixtures/*_*.npz"}
_ALONE = ("results", "mixtures")  # kinds whose manifests are beside their files


class Damage(NamedTuple):
  """What is wrong with one manifest's files.

  Attributes:
    manifest: its path.
    files: {name below its folder: what is wrong, in words}.
    again: how they are had again, a sentence; "" where that is not known.
  """

  manifest: pathlib.Path
  files: dict[str, str]
  again: str


class Report(NamedTuple):
  """What was found.

  Attributes:
    manifests: number of them.
    files: number of files that they name.
    size: bytes of these.
    seconds: that reading them took.
    damaged: what is not as it was written.
    unchecked: {kind: number} of what has no manifest.
    left: what killed processes have left and the next run of the same command sweeps up.
    aside: damaged checkpoints and records that were set aside, and may be removed.
  """

  manifests: int
  files: int
  size: int
  seconds: float
  damaged: Sequence[Damage]
  unchecked: dict[str, int]
  left: Sequence[pathlib.Path]
  aside: Sequence[pathlib.Path]


def verify(workdir: pathlib.Path, roots: Iterable[pathlib.Path] = ()) -> Report:
  """Reads all that has a manifest below a work directory and below folders of data.

  Args:
    workdir: of a run or an experiment.
    roots: of data; see `roots_of`.

  Raises:
    FileNotFoundError: if there is no work directory.
  """
  if not workdir.is_dir():
    raise FileNotFoundError(f"there is no folder {workdir}; expected a work directory of "
                            "launch.train, launch.reproduce or launch.study")
  places = [workdir, *(root for root in dict.fromkeys(roots) if root.is_dir())]
  found = sorted({path for place in places for path in manifest.below(place)
                  if not _is_aside(path)})
  started, damaged, files, size = time.monotonic(), [], 0, 0
  with progress.Progress("checking", len(found), "manifests") as line:
    for number, path in enumerate(found, 1):
      wrong = manifest.differences(path)
      if path.name not in wrong:
        said = manifest.read(path)
        files, size = files + len(said.files), size + sum(
          file["size"] for file in said.files.values())
      if wrong:
        damaged.append(Damage(path, wrong, _again(path, wrong)))
      line.update(number)
  parts = [path for place in places for path in place.rglob("*")]
  return Report(
    len(found), files, size, time.monotonic() - started, damaged, _unchecked(workdir),
    [path for path in parts if path.name.endswith((writing.TEMPORARY, writing.INCOMPLETE))
     or ".orbax-checkpoint-tmp" in path.name],
    [path for path in parts if path.name.endswith(manifest.ASIDE)])


def roots_of(workdir: pathlib.Path) -> list[pathlib.Path]:
  """Folders of the data of all runs below a work directory, as their configs say."""
  found = []
  for folder in workdir_lib.find_runs(workdir):
    try:
      config = fields.from_json((folder / "config.json").read_text())
    except (OSError, ValueError):  # the run's own command says what is wrong with it
      continue
    found.append(pathlib.Path(config.data.root))
  return list(dict.fromkeys(found))


def _is_aside(path: pathlib.Path) -> bool:
  return any(part.endswith(manifest.ASIDE) for part in path.parts)


def _again(path: pathlib.Path, wrong: dict[str, str]) -> str:
  """How damaged files are had again; of a checkpoint, which other one is whole."""
  again = "" if path.name in wrong else manifest.read(path).again
  if path.parent.parent.name != checkpoint.FOLDER or not path.parent.name.isdecimal():
    return again
  others = [other for other in path.parent.parent.iterdir() if other.name.isdecimal()
            and other != path.parent and not manifest.differences(manifest.of(other))]
  older = max((int(other.name) for other in others), default=None)
  return f"{again} ({f'step {older} is whole' if older else 'there is no other one'})"


def _unchecked(workdir: pathlib.Path) -> dict[str, int]:
  """{kind: number} of what runs have without a manifest."""
  found = {}
  for folder in workdir_lib.find_runs(workdir):
    for kind, pattern in _KINDS.items():
      files = [file for file in folder.glob(pattern) if not file.stem.endswith(".state")]
      count = sum(not (manifest.beside(file) if kind in _ALONE else manifest.of(file.parent)
                       ).exists() for file in files)
      found[kind] = found.get(kind, 0) + count
  return {kind: count for kind, count in found.items() if count}


def to_text(report: Report) -> str:
  """The report in words, damage first."""
  lines = []
  for damage in report.damaged:
    lines += [f"damaged: {damage.manifest.parent / name} {words}"
              for name, words in damage.files.items()]
    lines += [f"  {damage.again}"] if damage.again else []
  rate = f" at {report.size / 1e6 / report.seconds:,.0f} MB/s" if report.size > 1e8 else ""
  lines.append(f"{report.files:,} files of {report.manifests:,} manifests, "
               f"{report.size / 1e6:,.1f} MB, read in {report.seconds:.1f} s{rate}: "
               + (f"{sum(len(part.files) for part in report.damaged)} damaged" if report.damaged
                  else "all are as they were written" if report.manifests
                  else "nothing is there that could be checked"))
  if report.unchecked:
    lines.append("without a manifest, of an older version: "
                 + ", ".join(f"{count} {kind}" for kind, count in report.unchecked.items()))
  if report.left:
    lines.append(f"{len(report.left)} unfinished files, which the same command sweeps up when it "
                 f"is run again, e.g. {report.left[0]}")
  if report.aside:
    lines.append("set aside as damaged, made again since or lost; may be removed: "
                 + ", ".join(map(str, report.aside)))
  return "\n".join(lines)


def to_json(report: Report) -> str:
  """The report as JSON."""
  plain = report._asdict() | {
    "damaged": [{"manifest": str(part.manifest), "files": part.files, "again": part.again}
                for part in report.damaged],
    "left": [str(path) for path in report.left], "aside": [str(path) for path in report.aside]}
  return json.dumps(plain, indent=1)
