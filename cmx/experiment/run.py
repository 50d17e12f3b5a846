"""A trained run to use: new examples in its space, and what stands near them."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from cmx import config as config_lib
from cmx import data
from cmx.analysis import tiles
from cmx.evaluation import embedding
from cmx.evaluation import examples as examples_lib
from cmx.evaluation import features as features_lib
from cmx.evaluation import kept
from cmx.files import json_files
from cmx.files import text as text_lib
from cmx.runtime import progress
from cmx.training import checkpoint
from cmx.training import workdir as workdir_lib

_CLASSES = 4  # named by a run's repr
_RUNS = 6  # named where a folder holds several


class Found(NamedTuple):
  """What a search finds, nearest first: keys of examples [..., k] and their cosines [..., k]."""

  keys: np.ndarray
  scores: np.ndarray


@dataclasses.dataclass(frozen=True, repr=False)
class TrainedRun:
  """A trained network with its data set's examples around it.

  Attributes:
    network: what was trained, as `checkpoint.load_run` opens it.
    folder: work directory of the run; None for a network that lies in memory alone.
  """

  network: checkpoint.Run
  folder: pathlib.Path | None = None
  _opened: dict[Any, Any] = dataclasses.field(default_factory=dict, init=False, compare=False)

  @property
  def config(self) -> config_lib.Config:
    """The config that it was trained with."""
    return self.network.config

  @property
  def classes(self) -> tuple[str, ...]:
    """Names of the classes, in label order."""
    return self.network.classes

  @property
  def modalities(self) -> tuple[str, ...]:
    """Names of the modalities, the reference first."""
    return tuple(row.name for row in self.network.modalities)

  def encode(self, inputs: Sequence[Any], modality: str, layer: str | None = None) -> np.ndarray:
    """New examples in the space that all modalities share.

    Args:
      inputs: of pixels: paths, PIL images, or an array uint8 [N, H, W, 3]; of texts: strings; of
        vectors: an array [N, E].
      modality: of the inputs, a name of `modalities` or its code.
      layer: name of activations; that of the run's main table where None is given.

    Returns:
      float32 [N, D].

    Raises:
      ValueError: if the run has no such modality or layer, or an input cannot be used.
      FileNotFoundError: if a picture, or the package of an encoder, is not there.
    """
    key = "embedder", modality, layer or self.config.evaluation.layer
    if key not in self._opened:
      self._opened[key] = embedding.embedder(self.network, *key[1:])
    return self._opened[key](inputs)

  def search(self, vectors: np.ndarray, modality: str, k: int = 10, *,
             split: str = data.VALIDATION, layer: str | None = None) -> Found:
    """The nearest examples of a modality by cosine, nearest first.

    The gallery is compared a block at a time out of its file, so that it need not fit in memory;
    where a split is searched for the first time, its features are extracted and kept.

    Args:
      vectors: of `encode` [N, D], or one of them [D].
      modality: to search in, a name of `modalities` or its code.
      k: examples to find, as many as there are at most.
      split: "validation" or "train".
      layer: that the vectors are of; that of the run's main table where None is given.

    Returns:
      Keys of examples [N, k] and cosines [N, k], or [k] each for one vector. `example` gives what
      stands behind a key.

    Raises:
      ValueError: if the run has no such modality, split or layer, or the vectors are not of its
        width, not finite or not numbers.
      FileNotFoundError: if the features are not there and the data set is not, either.
    """
    vectors = np.asarray(vectors)
    if vectors.dtype.kind not in "fiu" or vectors.ndim not in (1, 2):
      raise ValueError(f"vectors of {vectors.dtype} {list(vectors.shape)}; expected numbers "
                       "[N, D], as encode gives them")
    row, layer = embedding.row_of(self.network, modality), layer or self.config.evaluation.layer
    keys, gallery = self._gallery(row.name, split, layer)
    rows, scores = embedding.nearest(np.atleast_2d(vectors), gallery, k)
    found = Found(keys[rows], scores)
    return found if vectors.ndim == 2 else Found(*(part[0] for part in found))

  def example(self, key: str, split: str = data.VALIDATION) -> examples_lib.Example:
    """What stands behind a key of `search`: modality, category, and the picture, text or vector.

    Raises:
      ValueError: if no example of the split has the key.
    """
    if ("examples", split) not in self._opened:
      folder = self._features(split, self.config.evaluation.layer)
      self._opened["examples", split] = examples_lib.open_examples(
        self.config, self.classes, folder, split)
    found = self._opened["examples", split]
    return found(*found.find(key))

  def show(self, vector: np.ndarray, category: str = "", k: int = 6) -> Image.Image:
    """A picture of the nearest examples of every modality, a row each, nearest first.

    Args:
      vector: of `encode` [D].
      category: that is looked for; its examples have a tick, the others a cross. "" marks none.
      k: examples of each modality.

    Raises:
      ValueError: as `search`, or if the run has no such category.
    """
    if category and category not in self.classes:
      raise ValueError(f"category {category!r}; expected one of {', '.join(self.classes)}")
    return tiles.board({name: [self.example(key) for key in self.search(vector, name, k).keys]
                        for name in self.modalities}, category)

  def _gallery(self, modality: str, split: str, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """Keys [G] and activations [G, D] of a modality's examples; the second is a memory map."""
    key = "gallery", modality, split, layer
    if key not in self._opened:
      folder = self._features(split, layer)
      keys = json_files.read(folder / modality / "key.json", f"remove the folder {folder}")
      self._opened[key] = np.array(keys), features_lib.load(folder)[modality][layer]
    return self._opened[key]

  def _features(self, split: str, layer: str) -> pathlib.Path:
    """The folder of a split's features; extracted where they are not there."""
    if split not in (data.TRAIN, data.VALIDATION):
      raise ValueError(f"split {split!r}; expected {data.TRAIN!r} or {data.VALIDATION!r}")
    if self.folder is None:
      raise ValueError("this run lies in memory, with no examples to search; expected one that "
                       "cmx.load opens")
    return kept.of_layer(self.network, self.folder, split, layer)

  def __repr__(self) -> str:
    network, settings = self.network, self.config
    more = ", ..." if len(self.classes) > _CLASSES else ""
    kinds = {"vector": "vectors of {}", "text": f"texts by {settings.encoders.text}, {{}}",
             "pixels": f"pictures by {settings.encoders.pixels}, {{}}"
             if settings.encoders.pixels else "pictures of {} pixels"}
    lines = [f"cmx run {self.folder or 'in memory'}",
             f"  {network.method.name}, seed {settings.seed}, {network.step:,} steps; space: "
             f"{settings.evaluation.layer}",
             f"  {len(self.classes)} classes: {', '.join(self.classes[:_CLASSES])}{more}"]
    for row in network.modalities:
      shape = " x ".join(map(str, row.shape[:2]))
      lines.append(f"  {row.code:4} {row.name}: {kinds[row.kind].format(shape)}")
    return "\n".join(lines)

  def __getstate__(self) -> dict[str, Any]:
    return {"network": self.network, "folder": self.folder, "_opened": {}}  # compiled: not kept


def load(path: str | os.PathLike) -> TrainedRun:
  """Opens a trained run: `run.encode(["a red barn"], modality="description")`.

  Args:
    path: work directory of launch.train, or a row's in that of launch.reproduce, as in
      "runs/mine/seed_0/c".

  Raises:
    FileNotFoundError: if there is no run; the message names those below the folder.
    ValueError: if it is damaged, or of another version.
  """
  folder = pathlib.Path(path).expanduser()
  if not folder.is_dir():
    raise FileNotFoundError(f"{folder} is no folder; expected the work directory of a run")
  if not (folder / checkpoint.FOLDER).is_dir():
    below = [f"{found}" for found in workdir_lib.find_runs(folder) if found != folder]
    said = f"one of {text_lib.some(below, _RUNS)}" if below else (
      "the work directory of launch.train, or a row's in that of launch.reproduce")
    raise FileNotFoundError(f"{folder} holds no run; expected {said}")
  progress.hush_libraries()
  return TrainedRun(checkpoint.load_run(folder), folder)
