"""What a listing says: kinds of input, classes, table order, and why it cannot be trained on."""

import hashlib
import pathlib
from collections.abc import Iterable

import numpy as np

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.data import splits as splits_lib
from cmx.data.sets.folders import items as items_lib
from cmx.data.sets.folders import listing as listing_lib


def kinds(listing: listing_lib.Listing) -> dict[str, str]:
  """Kind of input of every modality.

  Raises:
    ValueError: if a modality mixes kinds; the message names a file of each.
  """
  found: dict[str, dict[str, str]] = {}
  for item in listing.items:
    found.setdefault(item.modality, {}).setdefault(item.kind, item.key)
  for modality, examples in found.items():
    if len(examples) > 1:
      given = " and ".join(f"{kind} ({key})" for kind, key in examples.items())
      raise ValueError(f"modality {modality!r} mixes {given}; expected one kind: make a modality "
                       "of each")
  return {modality: next(iter(examples)) for modality, examples in found.items()}


def classes(listing: listing_lib.Listing) -> tuple[str, ...]:
  """Names of the classes over all modalities, in label order."""
  return tuple(sorted({item.class_name for item in listing.items}))


def reference(listing: listing_lib.Listing, named: str = "") -> tuple[str, str]:
  """Name of the modality that the others start from, and how it was chosen, in words.

  It is the one that is named, else natural images by their name, else the images with most training
  examples, else, where nothing is of pixels, the modality with most.

  Raises:
    ValueError: if the named one is not there, there is none, or a modality mixes kinds of input.
  """
  found = kinds(listing)
  if named in found:
    return named, "as asked for"
  if named or not found:
    raise ValueError(f"reference {named!r}; expected one of {', '.join(sorted(found)) or 'none'}")
  counts = dict.fromkeys(found, 0)
  for item in listing.items:
    counts[item.modality] += item.split == data_lib.TRAIN
  by_name = [name for name, kind in found.items() if modalities_lib.shows_nature(name, kind)]
  if modalities_lib.NATURAL.name in by_name:
    by_name = [modalities_lib.NATURAL.name]
  pixels = [name for name, kind in found.items() if kind == "pixels"]
  first = min(by_name or pixels or found, key=lambda name: (-counts[name], name))
  if by_name:
    return first, "its name says natural images"
  if pixels:
    others = ", ".join(f"{name} {counts[name]:,}" for name in pixels if name != first)
    more = f", more than {others}" if others else ""
    return first, f"no name says natural images; the most pictures, {counts[first]:,}{more}"
  return first, f"nothing is of pixels; the most examples, {counts[first]:,}"


def rows(listing: listing_lib.Listing, named: str = "") -> tuple[modalities_lib.Modality, ...]:
  """Modalities in table order, their shapes still unknown.

  The reference comes first, see `reference`; the rest in CMPlaces' order, then by name.

  Raises:
    ValueError: as `reference`.
  """
  found = [modalities_lib.of_kind(name, kind) for name, kind in sorted(kinds(listing).items())]
  if not found and not named:
    return ()
  first, _ = reference(listing, named)
  places = [row.name for row in modalities_lib.CMPLACES]

  def order(row):
    place = places.index(row.name) if row.name in places else len(places)
    return row.name != first, place, row.name

  return tuple(sorted(found, key=order))


def fingerprint(listing: listing_lib.Listing, options: config_lib.Folders, version: str) -> str:
  """Short hash of the listing (names, sizes, times of change, labels) and of the options."""
  total = hashlib.sha256(f"{version} {options.image_size} {options.reference}".encode())
  stats: dict[pathlib.Path, str] = {}
  for item in listing.items:
    if item.path is not None and item.path not in stats:
      stat = item.path.stat()
      stats[item.path] = f"{item.path.absolute()} {stat.st_size} {stat.st_mtime_ns}"
    said = (stats.get(item.path, ""), item.modality, item.split, item.class_name, item.key,
            item.text)
    total.update("\0".join(said).encode("utf-8", "surrogateescape") + b"\n")
  return total.hexdigest()[:16]


def without(listing: listing_lib.Listing,
            bad: Iterable[items_lib.Bad]) -> listing_lib.Listing:
  """The listing without the items that do not decode."""
  keys = {file.file for file in bad}
  return listing._replace(items=[item for item in listing.items if item.key not in keys])


def remedy(count: int, trainable: bool) -> str:
  """What to do about bad files; leaving them out is named where the rest can be trained on."""
  its = "it" if count == 1 else "them"
  return f"remove or replace {its}" + (
    f", or leave {its} out with --config.data.folders.damaged={count}" if trainable else "")


def problems(listing: listing_lib.Listing, data: config_lib.Data) -> list[str]:
  """Why these data cannot be trained on; empty where they can. Bad files are not repeated here.

  Args:
    listing: what was found.
    data: options of the data set; a share `holdout` of training examples stands in for validation.
  """
  found = [f"modality {name!r} is empty; expected {name}/train/<class>/<file>, or no such folder"
           for name in listing.empty]
  names = sorted({item.modality for item in listing.items})
  if len(names) < 2 and len(data.modalities) != 1:  # one alone is asked for
    found.append(f"{len(names)} modality with examples ({', '.join(names) or 'none'}); expected 2 "
                 f"or more: {items_lib.LAYOUT}")
  shown = sorted({item.class_name for item in listing.items if item.split == data_lib.TRAIN})
  if len(shown) < 2:
    found.append(f"{len(shown)} class with training examples ({', '.join(shown) or 'none'}); "
                 "expected 2 or more")
  splits = {(item.modality, item.split) for item in listing.items}
  for name in names:
    if (name, data_lib.TRAIN) not in splits:
      found.append(f"modality {name!r} has no training examples; "
                   f"expected {name}/train/<class>/<file>")
    if (name, data_lib.VALIDATION) not in splits and not data.holdout:
      found.append(f"modality {name!r} has no validation examples; add "
                   f"{name}/validation/<class>/<file>, or hold back a share of the training "
                   "examples with --config.data.holdout=0.2")
  unknown = sorted(set(data.folders.written) - set(names))
  if unknown:
    found.append(f"written modality {unknown[0]!r}; expected among {', '.join(names)}")
  return found or _of_parts(listing, data)


def _of_parts(listing: listing_lib.Listing, data: config_lib.Data) -> list[str]:
  """What would fail later on: the chosen modalities, the part held out, the classes held back."""
  names = {name: label for label, name in enumerate(classes(listing))}
  found = rows(listing, data.folders.reference)
  parts = {split: {row.name: data_lib.Arrays(np.array([
    names[item.class_name] for item in listing.items
    if (item.modality, item.split) == (row.name, split)], np.int32)) for row in found}
    for split in (data_lib.TRAIN, data_lib.VALIDATION)}
  try:
    chosen = modalities_lib.select(found, data.modalities)
    dataset = data_lib.Dataset("folders", tuple(names), chosen, parts, "")
    if data.holdout:
      dataset = splits_lib.hold_out(dataset, data.holdout)
    splits_lib.unseen_classes(len(names), data.unseen_classes, 0)
  except ValueError as error:
    return [f"{error}"]
  return [f"modality {row.name!r} has no {split} examples left, with holdout {data.holdout:g} of "
          f"its {len(parts[data_lib.TRAIN][row.name])} training examples; expected 2 or more of a "
          "class" for row in chosen for split, sources in dataset.splits.items()
          if not len(sources[row.name])]
