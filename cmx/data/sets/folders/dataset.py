"""A user's own folders or manifest: any modalities, of images, texts or vectors, sharing classes.

`prepare` checks and decodes every file once; the files that cannot be used are named all together.
`load` opens the result. Records are memory-mapped .npy files rather than a TFDS builder: the user's
files are the archive already, and an example costs microseconds to read instead of a decoding.
"""

import hashlib
import json
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import logging

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx import modalities as modalities_lib
from cmx.data.sets import _kept
from cmx.data.sets.folders import decoding
from cmx.data.sets.folders import items as items_lib
from cmx.data.sets.folders import judgement
from cmx.data.sets.folders import listing as listing_lib
from cmx.files import disk
from cmx.files import manifest
from cmx.files import writing

_VERSION = "3"  # of the records; another number makes new ones
_CARD, _DIGEST = "card.json", "digest"  # written last: they say that a folder is whole
_ARRAY, _TEXTS, _KEYS = "inputs.npy", "inputs.json", "keys.json"
_LEFT_OUT = "left_out.json"
_CHUNK = 256  # examples copied at once


def prepare(data: config_lib.Data) -> None:
  """Checks and decodes all files unless that is done; an interrupted preparation goes on.

  Raises:
    ValueError: if what is below the path cannot be trained on, or if more files are bad than
      `damaged` allows; the message names them.
    FileNotFoundError: if the path does not exist.
  """
  listing = listing_lib.find(data.folders)
  problems = judgement.problems(listing, data)
  if problems and not listing.bad:
    raise ValueError(f"{data.folders.path} cannot be trained on:\n  " + "\n  ".join(problems))
  rows = judgement.rows(listing, data.folders.reference)
  folder = _folder(data, listing)
  if not ((folder / _CARD).exists() and _kept.are_whole([folder])):
    with (writing.held(folder), disk.explained(folder), _kept.made_again([folder])):
      if not (folder / _CARD).exists():
        _record(data, listing, rows, folder)
  _allow(data, listing, _left_out(folder))


def side(data: config_lib.Data) -> int:
  """Pixels, height and width of pictures."""
  return data.folders.image_size


def load(data: config_lib.Data) -> data_lib.Dataset:
  """Opens the records.

  Raises:
    FileNotFoundError: if the files as they are now are not prepared; the message says how to.
    ValueError: if no path is given, or `written` names a modality that is not there.
  """
  listing = listing_lib.find(data.folders)
  folder = _folder(data, listing)
  if not (folder / _CARD).exists():
    raise FileNotFoundError(
      f"{data.folders.path} is not prepared in {folder}, or its files have changed since; run "
      f"python -m launch.prepare --noadvice {fields.as_flags(config_lib.Config(data=data))}")
  manifest.check(manifest.of(folder))
  left_out = [*listing.bad, *_left_out(folder)]
  _allow(data, listing, _left_out(folder))
  if left_out:
    logging.warning("%d files are left out, the first %s: %s", len(left_out), *left_out[0])
  card = json.loads((folder / _CARD).read_text())
  rows = _rows(card["modalities"], data.folders.written)
  splits = {split: {row.name: _opened(_part(folder, row.name, split)) for row in rows}
            for split in decoding.SPLITS}
  return data_lib.Dataset("folders", tuple(card["classes"]), rows, splits, card["fingerprint"])


def _rows(rows: Sequence[Sequence[Any]],
          written: Sequence[str]) -> tuple[modalities_lib.Modality, ...]:
  rows = tuple(modalities_lib.Modality(*row[:-1], tuple(row[-1])) for row in rows)
  unknown = set(written) - {row.name for row in rows}
  if unknown:
    raise ValueError(f"written modality {sorted(unknown)[0]!r}; expected among "
                     + ", ".join(row.name for row in rows))
  return tuple(row._replace(mirror=False) if row.name in written else row for row in rows)


def _folder(data: config_lib.Data, listing: listing_lib.Listing) -> pathlib.Path:
  key = judgement.fingerprint(listing, data.folders, _VERSION)
  return pathlib.Path(data.root) / "folders" / key


def _part(folder: pathlib.Path, modality: str, split: str) -> pathlib.Path:
  return folder / f"{modality}.{split}"


def _left_out(folder: pathlib.Path) -> list[items_lib.Bad]:
  """Files that are not in the records because they do not decode."""
  return [items_lib.Bad(*file) for file in json.loads((folder / _CARD).read_text())["left_out"]]


def _allow(data: config_lib.Data, listing: listing_lib.Listing,
           undecoded: Sequence[items_lib.Bad]) -> None:
  """Allows files to be left out.

  Raises:
    ValueError: if they are more than the config allows, or training cannot do without them.
  """
  bad = [*listing.bad, *undecoded]
  if not bad:
    return
  problems = judgement.problems(judgement.without(listing, undecoded), data)
  if len(bad) > data.folders.damaged:
    raise ValueError(f"{len(bad)} of {len(listing.items) + len(listing.bad)} files cannot be used; "
                     + judgement.remedy(len(bad), not problems) + ":\n  "
                     + "\n  ".join([*items_lib.lines(bad), *problems]))
  if problems:
    raise ValueError(f"{data.folders.path} cannot be trained on without the {len(bad)} bad files:"
                     f"\n  " + "\n  ".join([*problems, *items_lib.lines(bad)]))


def _record(data: config_lib.Data, listing: listing_lib.Listing,
            rows: Sequence[modalities_lib.Modality], folder: pathlib.Path) -> None:
  incomplete = folder.with_name(f"{folder.name}{writing.INCOMPLETE}")
  classes, widths = judgement.classes(listing), {}
  bad: list[items_lib.Bad] = []
  for (modality, split), items in decoding.parts(listing).items():
    part = _part(incomplete, modality, split)
    bad += _record_part(items, data.folders.image_size, classes, widths, part)
  try:
    _allow(data, listing, bad)
  except ValueError:
    shutil.rmtree(incomplete, ignore_errors=True)
    raise
  if listing.bad or bad:
    logging.warning("%d files left out:\n  %s", len(listing.bad) + len(bad),
                    "\n  ".join(items_lib.lines([*listing.bad, *bad])))
  digests = [(_part(incomplete, row.name, split) / _DIGEST).read_text()
             for row in rows for split in decoding.SPLITS]
  card = {"classes": classes, "left_out": bad,
          "modalities": [row._replace(shape=_shape(incomplete, row)) for row in rows],
          "fingerprint": hashlib.sha256("\n".join([*classes, *digests]).encode()).hexdigest()[:16]}
  (incomplete / _CARD).write_text(json.dumps(card, indent=1))
  manifest.seal(manifest.of(incomplete), _kept.AGAIN)
  writing.settle(incomplete, folder)


def _record_part(items: Sequence[items_lib.Item], size: int, classes: Sequence[str],
                 widths: dict[str, int], folder: pathlib.Path) -> list[items_lib.Bad]:
  """Writes one modality's split without its bad files, and returns those."""
  if _is_whole(folder):  # from a preparation that was interrupted
    if items and items[0].kind == "vector" and (folder / _ARRAY).exists():
      widths[items[0].modality] = np.load(folder / _ARRAY, mmap_mode="r").shape[1]
    return [items_lib.Bad(*file) for file in json.loads((folder / _LEFT_OUT).read_text())]
  folder.mkdir(parents=True, exist_ok=True)
  bad, good, inputs, total = [], [], None, hashlib.sha256()
  for item, x in decoding.decode(items, size, widths):
    if isinstance(x, items_lib.Bad):
      bad.append(x)
      continue
    if inputs is None:
      inputs = [""] * len(items) if isinstance(x, str) else disk.new_array(
        folder / _ARRAY, x.dtype, (len(items), *x.shape))
    inputs[len(good)] = x
    good.append(item)
    total.update(f"{item.key}\0{item.class_name}\0".encode("utf-8", "surrogateescape"))
    total.update(x.encode() if isinstance(x, str) else x.tobytes())
  if isinstance(inputs, np.memmap):
    inputs.flush()
    if bad:
      _shorten(folder / _ARRAY, len(good))
  else:
    (folder / _TEXTS).write_text(json.dumps((inputs or [])[:len(good)]))
  labels = {name: label for label, name in enumerate(classes)}
  np.save(folder / "labels.npy", np.array([labels[item.class_name] for item in good], np.int32))
  (folder / _KEYS).write_text(json.dumps([item.key for item in good]))
  (folder / _LEFT_OUT).write_text(json.dumps(bad))
  (folder / _DIGEST).write_text(total.hexdigest())
  manifest.seal(manifest.of(folder), _kept.AGAIN)
  return bad


def _is_whole(folder: pathlib.Path) -> bool:
  """Whether a modality's split is there; what a stopped preparation has left of one is removed."""
  if ((folder / _DIGEST).exists() and manifest.of(folder).exists()
      and manifest.is_whole(manifest.of(folder), "It is made again")):
    return True
  shutil.rmtree(folder, ignore_errors=True)
  return False


def _shorten(path: pathlib.Path, count: int) -> None:
  """Cuts an array [N, ...] on disk to its first rows."""
  whole = np.load(path, mmap_mode="r")
  shorter = path.with_suffix(".shorter.npy")
  rows = disk.new_array(shorter, whole.dtype, (count, *whole.shape[1:]))
  for start in range(0, count, _CHUNK):
    rows[start:start + _CHUNK] = whole[start:min(start + _CHUNK, count)]
  rows.flush()
  shorter.replace(path)


def _opened(folder: pathlib.Path) -> data_lib.Arrays:
  inputs = (np.load(folder / _ARRAY, mmap_mode="r") if (folder / _ARRAY).exists()
            else json.loads((folder / _TEXTS).read_text()))
  return data_lib.Arrays(np.load(folder / "labels.npy"), inputs,
                         json.loads((folder / _KEYS).read_text()))


def _shape(folder: pathlib.Path, row: modalities_lib.Modality) -> tuple[int, ...]:
  if row.kind == "text":
    return ()
  return _opened(_part(folder, row.name, data_lib.TRAIN)).inputs.shape[1:]
