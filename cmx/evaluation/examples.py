"""The examples behind rows of features: what a person sees of them, found again by key."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx.data import splits
from cmx.evaluation import features as features_lib
from cmx.files import json_files
from cmx.files import manifest


class Example(NamedTuple):
  """What stands behind a row of features.

  Attributes:
    modality: name.
    category: class name.
    key: stable name of the example, "" where it is not known.
    input: uint8 [H, W, 3], text, float32 [E]; or None where the source is missing.
  """

  modality: str
  category: str
  key: str
  input: np.ndarray | str | None

  @property
  def is_picture(self) -> bool:
    """Whether it can be seen; else it is a text, a vector or missing."""
    return isinstance(self.input, np.ndarray) and self.input.ndim == 3


class Examples:
  """The examples behind the features of one split, by modality and row.

  What cannot be shown becomes an example without input, and `problems` says why: a report that
  lacks its pictures is still a report.
  """

  def __init__(self, classes: Sequence[str], labels: Mapping[str, np.ndarray],
               keys: Mapping[str, Sequence[str]], sources: Mapping[str, data.Source],
               problems: Sequence[str] = ()):
    """Args: classes: names in label order; labels: {modality: [N]}; keys: {modality: N keys};
    sources: {modality: raw source}, absent where missing; problems: known so far, in words."""
    self._classes, self._labels, self._keys, self._sources = classes, labels, keys, sources
    self._rows = {name: features_lib.order(len(source), len(labels[name]))
                  for name, source in sources.items()}
    self._problems = dict.fromkeys(problems)

  @property
  def problems(self) -> list[str]:
    """What could not be shown so far, in words."""
    return list(self._problems)

  def find(self, key: str) -> tuple[str, int]:
    """Modality and row of the example of that key.

    Raises:
      ValueError: if there is none.
    """
    for modality, keys in self._keys.items():
      if key in keys:
        return modality, keys.index(key)
    known = ", ".join(keys[0] for keys in self._keys.values() if len(keys))
    raise ValueError(f"no example has the key {key!r}; keys look like {known or 'nothing'}")

  def __call__(self, modality: str, row: int) -> Example:
    """The example of a row."""
    keys = self._keys.get(modality, ())
    key = keys[row] if row < len(keys) else ""
    category = self._classes[int(self._labels[modality][row])]
    missing = Example(modality, category, key, None)
    if modality not in self._sources:
      return missing
    try:
      found = self._sources[modality][int(self._rows[modality][row])]
    except (OSError, ValueError, KeyError) as error:
      self._problems[f"An example of {modality} cannot be read: {error}"] = None
      return missing
    if key and found["key"] != key:
      self._problems[f"The data set's examples of {modality} are not those of the features any "
                     f"more: row {row} is {found['key']!r}; expected {key!r}"] = None
      return missing
    return missing._replace(key=found["key"], input=found["input"])


def open_examples(config: config_lib.Config, classes: Sequence[str], folder: pathlib.Path,
                  split: str = data.VALIDATION) -> Examples:
  """The examples behind the features in a folder.

  Args:
    config: of the run; says which data set, and what the run sees of it.
    classes: of the run.
    folder: written by `features.extract`.
    split: that was extracted.

  Raises:
    FileNotFoundError: if there are no features in the folder. A data set that cannot be opened, or
      is another one by now, is no error but a problem of the result.
  """
  found = features_lib.load(folder)
  labels = {name: np.asarray(part["label"]) for name, part in found.items()}
  files = {name: folder / name / "key.json" for name in found}
  remedy = f"remove the folder {folder}, and run launch.evaluate again"
  keys = {name: json_files.read(file, remedy) for name, file in files.items() if file.exists()}
  try:
    with manifest.lightly():  # a few examples are looked at, not all are computed with
      dataset = splits.visible(config, data.load(config.data))
  except (OSError, ValueError) as error:
    return Examples(classes, labels, keys, {}, [f"No examples can be shown: {error}"])
  if tuple(dataset.classes) != tuple(classes):
    return Examples(classes, labels, keys, {}, [
      f"No examples can be shown: data set {dataset.name!r} has {len(dataset.classes)} classes, "
      f"{', '.join(dataset.classes[:3])} ...; the run was trained on {len(classes)}, "
      f"{', '.join(classes[:3])} ..."])
  sources, problems = {}, []
  for name, label in labels.items():
    source = dataset.splits[split].get(name)
    if source is None or not _fits(source, label):
      problems.append(f"No examples of {name} can be shown: the data set has no such modality, or "
                      "its labels are not those of the features any more")
    else:
      sources[name] = source
  return Examples(classes, labels, keys, sources, problems)


def _fits(source: data.Source, labels: np.ndarray) -> bool:
  rows = features_lib.order(len(source), len(labels))
  return len(rows) == len(labels) and np.array_equal(np.asarray(source.labels)[rows], labels)
