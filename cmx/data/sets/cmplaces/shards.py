"""The shards of CMPlaces: what goes into each, and writing one from its archive.

<work>/plan.json                   archive, remarks, names of the shards by split
<work>/<shard>.entries.json        key, label, place in the archive and list's line of each example
<work>/<shard>.records             written whole or not at all
<work>/<shard>.done.json           labels, digest, files that do not decode
"""

import concurrent.futures
import functools
import hashlib
import json
import pathlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import example_serializer

from cmx import modalities as modalities_lib
from cmx.data.sets import _shards
from cmx.data.sets.cmplaces import categories
from cmx.data.sets.cmplaces import checksums
from cmx.data.sets.cmplaces import contents
from cmx.data.sets.cmplaces import layout
from cmx.data.sets.cmplaces import planning
from cmx.files import archives
from cmx.files import disk
from cmx.files import reading
from cmx.files import text as text_lib
from cmx.files import writing
from cmx.runtime import cores

_PLAN, RECORDS, WORK = "plan.json", ".records", "parts."
EXAMPLES = 2_048  # of a shard: some 100 MB of photographs
_CHUNK = 64  # files that are read before they are decoded, in threads
_SHOWN = 20  # damaged files that a message names


def features(modality: str) -> tfds.features.FeaturesDict:
  """Fields of a record."""
  side = contents.SIDE
  kind = _kind(modality)
  field = ({"text": tfds.features.Text()} if kind == "text" else
           {"image": tfds.features.Image(shape=(side, side, 3))})
  label = tfds.features.ClassLabel(names=list(categories.NAMES))
  return tfds.features.FeaturesDict({**field, "label": label, "key": tfds.features.Text()})


def _kind(modality: str) -> str:
  return modalities_lib.of_name(modalities_lib.CMPLACES, modality).kind


def planned(home: pathlib.Path, manual: pathlib.Path, modality: str, version: str,
            file_format: Any, limit: int | None) -> pathlib.Path:
  """The folder of a modality's shards with its plan, made now or by a run that was stopped.

  Args:
    home: folder of the modality's versions.
    manual: folder of archives and lists.
    modality: its name.
    version: of the records.
    file_format: TFDS's, of the records.
    limit: examples a split at most; None for all.
  """
  said = json.dumps([version, modality, str(file_format), limit, layout.stamp(manual, modality)])
  work = home / f"{WORK}{version}.{hashlib.sha256(said.encode()).hexdigest()[:12]}"
  if (work / _PLAN).exists():
    return work
  shutil.rmtree(work, ignore_errors=True)
  work.mkdir(parents=True)
  remarks = checksums.check(manual, layout.files(manual, modality))
  plan = planning.plan(manual, modality)
  shards: dict[str, list[str]] = {}
  sizes: dict[str, int] = {}
  for split, entries in plan.entries.items():
    for start in range(0, len(entries[:limit]), EXAMPLES):
      name, part = f"{split}-{start // EXAMPLES:05d}", entries[:limit][start:start + EXAMPLES]
      (work / f"{name}.entries.json").write_text(json.dumps(part))
      shards.setdefault(split, []).append(name)
      sizes[name] = len(part)
  card = {"archive": str(plan.archive.absolute()), "modality": modality, "shards": shards,
          "sizes": sizes, "remarks": remarks + plan.remarks, "file_format": file_format.value}
  writing.write_text(work / _PLAN, json.dumps(card))
  return work


def plan_of(work: pathlib.Path) -> dict[str, Any]:
  """The plan of a folder of shards."""
  return json.loads((work / _PLAN).read_text())


def write(work: pathlib.Path, chosen: Callable[[Sequence[str]], Sequence[str]] = list, *,
          beam_options: Any = None, beam_runner: Any = None) -> None:
  """Writes all shards that are not there, here or on Beam.

  Args:
    work: folder with a plan.
    chosen: picks, of the names of all shards, those to write.
    beam_options: see `_shards.run`.
    beam_runner: likewise.

  Raises:
    ValueError: if Beam is asked for and the archive is one compressed stream.
  """
  plan = plan_of(work)
  archive = pathlib.Path(plan["archive"])
  on_beam = beam_options is not None or beam_runner is not None
  if on_beam and archives.is_stream(archive):
    raise ValueError(f"{archive} is one compressed stream, which Beam's workers cannot share; "
                     f"uncompress it first (gunzip makes {archive.stem} of it), or leave Beam out")
  with archives.Reader(archive) as reader:  # one for all shards: a stream is read once through
    _shards.run(work, {name: plan["sizes"][name] for name in chosen(list(plan["sizes"]))},
                functools.partial(write_shard, str(work), None if on_beam else reader),
                f"{plan['modality']} of CMPlaces", beam_options, beam_runner)


def write_shard(work: str, reader: archives.Reader | None, name: str,
                count: Callable[[int], None]) -> None:
  """Writes one shard; files that do not decode are noted and left out.

  Args:
    work: folder of the shards.
    reader: of the archive; opened here where None is given.
    name: of the shard.
    count: gets the number of examples worked off since its last call.
  """
  folder = pathlib.Path(work)
  plan = plan_of(folder)
  if reader is None:
    with archives.Reader(pathlib.Path(plan["archive"])) as reader:
      return write_shard(work, reader, name, count)
  result: dict[str, Any] = {"labels": [], "bad": []}
  digest = hashlib.sha256()
  encode = _encoder(plan["modality"])

  def records() -> Iterator[tuple[int, bytes]]:
    entries = _entries(folder, name)
    for number, (entry, content) in enumerate(_contents(entries, reader, plan["modality"], count)):
      if isinstance(content, reading.Unusable):
        result["bad"].append(f"{entry.where}: {entry.member.name} in {plan['archive']}: {content}")
        continue
      stored = content.encode() if isinstance(content, str) else content
      digest.update(f"{entry.key}\0{entry.label}\0".encode() + stored)
      result["labels"].append(entry.label)
      yield number, encode(content, entry)

  temporary = folder / f"{name}{writing.TEMPORARY}"
  writer = tfds.core.ExampleWriter(tfds.core.FileFormat(plan["file_format"]))
  with writing.held(folder / name), disk.explained(temporary):  # two workers may do the same piece
    writer.write(temporary, records())
    writing.settle(temporary, folder / f"{name}{RECORDS}")
    _shards.finish(folder, name, {**result, "digest": digest.hexdigest()})


def _entries(folder: pathlib.Path, name: str) -> list[planning.Entry]:
  rows = json.loads((folder / f"{name}.entries.json").read_text())
  return [planning.Entry(key, label, archives.Member(*member), where)
          for key, label, member, where in rows]


def _contents(entries: list[planning.Entry], reader: archives.Reader, modality: str,
              count: Callable[[int], None]) -> Iterator[tuple[planning.Entry, Any]]:
  """Every entry with what is kept of it, or with the reason why it cannot be used."""
  make = contents.text if _kind(modality) == "text" else contents.picture

  def made(content: bytes) -> Any:
    try:
      return make(content)
    except reading.Unusable as error:
      return error

  with concurrent.futures.ThreadPoolExecutor(min(8, cores.count())) as pool:
    for start in range(0, len(entries), _CHUNK):
      part = entries[start:start + _CHUNK]
      yield from zip(part, pool.map(made, [reader.read(entry.member) for entry in part]))
      count(len(part))


def _encoder(modality: str) -> Callable[[Any, planning.Entry], bytes]:
  fields = features(modality)
  field = "text" if _kind(modality) == "text" else "image"
  serializer = example_serializer.ExampleSerializer(fields.get_serialized_info())

  def encode(content: Any, entry: planning.Entry) -> bytes:
    example = {field: content, "label": entry.label, "key": entry.key}
    return serializer.serialize_example(fields.encode_example(example))

  return encode


def card(work: pathlib.Path, plan: dict[str, Any], damaged: int) -> dict[str, Any]:
  """What is kept beside the records: fingerprints of the splits, remarks, what was left out.

  Raises:
    ValueError: if more files are damaged than the config lets pass, or a split has none left.
  """
  results = {split: [_shards.done(work, name) for name in names]
             for split, names in plan["shards"].items()}
  bad = [line for parts in results.values() for part in parts for line in part["bad"]]
  if len(bad) > damaged:
    named = text_lib.some(bad, _SHOWN, "\n  ")
    raise ValueError(f"{len(bad):,} files cannot be used:\n  {named}\nReplace them in the "
                     "archive or remove them from the list; or leave them out with launch.prepare "
                     f"--config.data.cmplaces.damaged={len(bad)}, which keeps what is done")
  for split, parts in results.items():
    if not any(part["labels"] for part in parts):
      raise ValueError(f"no file of {plan['modality']} {split} can be used: {bad[0]}")
  prints = {split: hashlib.sha256("".join(part["digest"] for part in parts).encode()).hexdigest()
            for split, parts in results.items()}
  return {"fingerprints": {split: value[:16] for split, value in prints.items()},
          "remarks": plan["remarks"], "left_out": bad}
