"""The one door to data: every data set lies in `sets` and opens as a `Dataset`.

A module `cmx/data/sets/<name>.py`, or `dataset.py` in a package of that name, defines

  prepare(data: config.Data) -> None     make the records on disk; returns at once if they are there
  load(data: config.Data) -> Dataset     open them; FileNotFoundError that says how to prepare them

and nothing else has to be touched to add one. If it also defines `share(data)`, several processes
call that first, all at once, to do what can be done in pieces; `prepare` is called by one of them.
If it defines `outline(data)`, classes and modalities are known before anything is prepared; if it
defines `side(data)`, pixels of its pictures, new pictures are read at that size.
Files of `sets` whose names begin with _ are what they share.
"""

import dataclasses
import hashlib
import importlib
import pathlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypedDict

import numpy as np

from cmx import config as config_lib
from cmx import modalities as modalities_lib
from cmx.data import sets
from cmx.files import paths

TRAIN, VALIDATION = "train", "validation"


class Example(TypedDict):
  """One example as read: nothing is augmented, encoded or normalised yet."""

  input: np.ndarray | str  # uint8 [H, W, 3] for pixels, str for text, float32 [E] for vectors
  label: int
  key: str  # stable name of the example, unique within its data set; where it came from


class Source(Protocol):
  """Random access to the examples of one modality's split; safe to read from several threads."""

  labels: np.ndarray  # int32 [N], known without reading the examples

  def __len__(self) -> int: ...

  def __getitem__(self, index: int) -> Example: ...


class Arrays(NamedTuple):
  """Examples that lie in arrays or memory maps, as a source; of some the labels alone are known.

  Attributes:
    labels: int32 [N].
    inputs: uint8 [N, H, W, 3], float32 [N, E] or N texts.
    keys: of the examples, N.
  """

  labels: np.ndarray
  inputs: Any = ()
  keys: Sequence[str] = ()

  def __len__(self) -> int:
    return len(self.labels)

  def __getitem__(self, index: int) -> Example:
    x = self.inputs[index]
    return {"input": x if isinstance(x, str) else np.asarray(x), "label": int(self.labels[index]),
            "key": self.keys[index]}


class Dataset(NamedTuple):
  """An opened data set.

  Attributes:
    name: of the data set.
    classes: class names in label order.
    modalities: rows, in table order; the reference modality first.
    splits: {"train" | "validation": {modality name: Source}}.
    fingerprint: short hash of the content (generator version, seed and sizes, or file digests);
      equal fingerprints mean equal examples. Caches and run cards carry it.
  """

  name: str
  classes: tuple[str, ...]
  modalities: tuple[modalities_lib.Modality, ...]
  splits: Mapping[str, Mapping[str, Source]]
  fingerprint: str


def names() -> list[str]:
  """Names of the data sets: the modules and packages of `sets`."""
  return sorted(module.name for module in pkgutil.iter_modules(sets.__path__)
                if not module.name.startswith("_"))


def _module(name: str):
  if name not in names():
    raise ValueError(f"data set {name!r}; expected one of {', '.join(names())}")
  imported = importlib.import_module(f"{sets.__name__}.{name}")
  package = hasattr(imported, "__path__")
  return importlib.import_module(f"{imported.__name__}.dataset") if package else imported


def truth(name: str) -> Callable[[Source, int], Mapping[str, Any]] | None:
  """How to ask a data set for the objects of an example; None where it does not know them.

  Returns:
    A function of a source and an index; its "objects" are [{"name", "box": [x0, y0, x1, y1]}],
    shares of the picture.
  """
  return getattr(_module(name), "truth", None)


class _Added:
  """A source beside those of another data set: its labels are places in that one's classes.

  It says the fingerprint of its own content, so that what was encoded once is not encoded again.
  """

  def __init__(self, source: Source, labels: np.ndarray, fingerprint: str):
    self.labels = labels[np.asarray(source.labels)].astype(np.int32)
    self.fingerprint = getattr(source, "fingerprint", fingerprint)
    self._source = source

  def __len__(self) -> int:
    return len(self._source)

  def __getitem__(self, index: int) -> Example:
    return {**self._source[index], "label": int(self.labels[index])}

  def record(self, index: int) -> Any:
    """The record of an example, where the source has such."""
    return self._source.record(index)


def prepare(data: config_lib.Data) -> None:
  """Makes the records of a data set on disk unless they are there already; of those added, too."""
  own, others = _parts(data)
  for part in (own, *others.values()):
    _prepare(part)


def _prepare(data: config_lib.Data) -> None:
  from cmx.runtime import hosts  # here: it imports JAX, which nobody needs to open a data set
  module = _module(data.name)
  if hosts.several() and hasattr(module, "share"):
    module.share(data)
    hosts.wait("shares")
  with hosts.first_alone("preparing"):
    try:
      module.prepare(data)
    except OSError as error:
      if error.filename:  # in the system's own words, which do not say what the place is for
        paths.check_folder("config.data.root", pathlib.Path(data.root))
      raise


def outline(data: config_lib.Data) -> tuple[tuple[str, ...], tuple[modalities_lib.Modality, ...]]:
  """Classes and chosen modalities; of a data set that says them beforehand, before it is prepared.

  Raises:
    FileNotFoundError: if only its records say them and it is not prepared.
  """
  module = _module(data.name)
  if data.added or not hasattr(module, "outline"):
    dataset = load(data)
    return dataset.classes, dataset.modalities
  classes, rows = module.outline(data)
  return classes, modalities_lib.select(rows, data.modalities)


def side(data: config_lib.Data) -> int:
  """Pixels, height and width, of the pictures of a data set as it gives them to encoders.

  Raises:
    ValueError: if it does not say so.
  """
  module = _module(data.name)
  if not hasattr(module, "side"):
    raise ValueError(f"data set {data.name!r} does not say how large its pictures are; expected a "
                     "function side(data)")
  return module.side(data)


def load(data: config_lib.Data) -> Dataset:
  """Opens a prepared data set, restricted to the modalities that the config names.

  Raises:
    ValueError: if the data set, or a modality of it, is not known; if it has fewer than two classes
      or a modality without training examples.
    FileNotFoundError: if it is not prepared; the message says how to.
  """
  own, others = _parts(data)
  dataset = _load(own)
  for name, part in others.items():
    dataset = _joined(dataset, _load(part), name)
  places = {entry.partition("=")[0]: place for place, entry in enumerate(data.added, 1)}
  rows = sorted(dataset.modalities, key=lambda row: places.get(row.name, 0))
  return dataset._replace(modalities=tuple(rows))


def _load(data: config_lib.Data) -> Dataset:
  dataset = _module(data.name).load(data)
  chosen = modalities_lib.select(dataset.modalities, data.modalities)
  if len(dataset.classes) < 2:
    raise ValueError(f"data set {data.name!r} has {len(dataset.classes)} class; expected 2 or more")
  for modality in chosen:
    if not len(dataset.splits[TRAIN][modality.name]):
      raise ValueError(f"modality {modality.name!r} has no training examples in data set "
                       f"{data.name!r}")
  splits = {split: {m.name: sources[m.name] for m in chosen}
            for split, sources in dataset.splits.items()}
  return dataset._replace(modalities=chosen, splits=splits)


def _parts(data: config_lib.Data) -> tuple[config_lib.Data, dict[str, config_lib.Data]]:
  """A data set without what was added from elsewhere, and the folders of that by modality.

  Raises:
    ValueError: if an entry of `added` is not "name=root".
  """
  for entry in data.added:
    if "=" not in entry or entry.startswith("="):
      raise ValueError(f"config.data.added {entry!r}; expected name=root, or name= for a modality "
                       "of the data set's own")
  pairs = [entry.split("=", 1) for entry in data.added]
  roots = {name: root for name, root in pairs if root}

  def of(written: Callable[[str], bool], **changes: Any) -> config_lib.Data:
    words = tuple(name for name in data.folders.written if written(name))
    folders = dataclasses.replace(data.folders, written=words, **changes.pop("folders", {}))
    return dataclasses.replace(data, added=(), folders=folders, **changes)

  inside = tuple(name for name, root in pairs if not root)
  own = of(lambda name: name not in roots, modalities=(*data.modalities, *inside))
  return own, {name: of(lambda other, name=name: other == name, name="folders",
                        modalities=(name,), unseen_classes=0,
                        folders={"path": root, "reference": name})
               for name, root in roots.items()}


def _joined(dataset: Dataset, other: Dataset, name: str) -> Dataset:
  """A data set with a modality of another one, whose classes are among its own.

  Raises:
    ValueError: if they are not, or it has a modality of that name.
  """
  if name in dataset.splits[TRAIN]:
    raise ValueError(f"modality {name!r} is in data set {dataset.name!r} already; expected another "
                     "name for what is added")
  places = {word: label for label, word in enumerate(dataset.classes)}
  theirs = np.array([places.get(word, -1) for word in other.classes])
  shown = np.unique(np.concatenate([part[name].labels for part in other.splits.values()]))
  strange = [other.classes[label] for label in shown if theirs[label] < 0]
  if strange:
    raise ValueError(
      f"modality {name!r} has {len(strange)} classes that are none of the {len(places)} of what it "
      f"is added to: {_some(strange)}; expected some or all of {_some(dataset.classes)}")
  same = np.arange(len(places))
  splits = {split: {
    **{known: _Added(source, same, dataset.fingerprint) for known, source in sources.items()},
    name: _Added(other.splits[split][name], theirs, other.fingerprint)}
    for split, sources in dataset.splits.items()}
  content = hashlib.sha256(f"{dataset.fingerprint} {name} {other.fingerprint}".encode())
  return dataset._replace(modalities=(*dataset.modalities, *other.modalities), splits=splits,
                          fingerprint=content.hexdigest()[:16])


def _some(names: Sequence[str]) -> str:
  return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
