"""A data set with its pixels and texts replaced by the vectors of frozen encoders, kept on disk.

One file a modality and split, `<root>/features/<name>.npy` with a `.json` beside it: shape,
SHA-256, the examples' keys and what was encoded by what. The file's name holds a hash of the
content and of the encoder's weights, so that a change of either is another file. Work is done in
chunks, each written whole or not at all, so that an interrupted encoding goes on where it stopped.
"""

import hashlib
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from cmx import config as config_lib
from cmx import data as data_lib
from cmx.data import encoders
from cmx.files import manifest
from cmx.files import writing
from cmx.runtime import progress

_AGAIN = "Run launch.prepare, or what has made it, again: it is computed anew"
CHUNK = 256  # examples encoded between two writes


class Varied:
  """Source of the vectors of texts, or, to train on, of a part of their words.

  The vectors of whole texts are those that are `kept`, or made as they are read where None are.
  """

  def __init__(self, texts: data_lib.Source, encoder: encoders.Encoder,
               kept: data_lib.Source | None):
    self.labels = texts.labels
    self._texts, self._encoder, self._kept = texts, encoder, kept

  def __len__(self) -> int:
    return len(self.labels)

  def __getitem__(self, index: int) -> data_lib.Example:
    if self._kept is not None:
      return self._kept[index]
    example = self._texts[index]
    return {**example, "input": self._encoder.encode([example["input"]])[0]}

  def varied(self, index: int, rng: np.random.Generator, share: float) -> data_lib.Example:
    """The example with a share of its words left out before it is encoded; one at least is kept."""
    example = self._texts[index]
    words = example["input"].split()
    kept = rng.random(len(words)) >= share
    if words and not kept.any():
      kept[rng.integers(len(words))] = True
    text = " ".join(word for word, its in zip(words, kept) if its)
    return {**example, "input": self._encoder.encode([text])[0]}


def encoded(dataset: data_lib.Dataset, config: config_lib.Config) -> data_lib.Dataset:
  """The data set as the encoders of a config see it.

  Args:
    dataset: any data set; modalities of kind "vector" stay as they are.
    config: its `encoders`; vectors are kept in `<data.root>/features/`.

  Returns:
    The data set with vectors in place of examples and the rows' shape set to (E,); kinds are kept.

  Raises:
    ValueError: if an encoder does not exist, does not read that kind, has no vector for an example
      or cannot encode what `augment.word_dropout` leaves of a text.
    FileNotFoundError: if an encoder's package or file is missing; the message says how to get it.
  """
  kinds = dict.fromkeys(modality.kind for modality in dataset.modalities)
  dropout, name = config.augment.word_dropout, config.encoders.text
  if dropout and "text" in kinds and name not in encoders.LIGHT:
    raise ValueError(
      f"augment.word_dropout {dropout} with encoders.text {name!r}, which does not encode texts "
      f"anew in every batch; expected 0, or one of {', '.join(encoders.LIGHT)}. "
      "augment.vector_dropout and vector_noise vary any vector")
  try:
    chosen = {kind: encoder for kind in kinds if (encoder := encoders.of(config, kind))}
  except FileNotFoundError as error:
    if lacking := encoders.missing(config, kinds):  # all of them at once
      raise FileNotFoundError(f"{len(lacking)} package files of encoders are not in "
                              f"{encoders.folder(config)}; get them with: "
                              + encoders.command(config, lacking)) from error
    raise
  root = pathlib.Path(config.data.root) / "features"
  splits = {
    split: {name: _encoded(dataset, name, split, source, chosen, root)
            for name, source in sources.items()}
    for split, sources in dataset.splits.items()}
  rows = tuple(row._replace(shape=(chosen[row.kind].width,)) if row.kind in chosen else row
               for row in dataset.modalities)
  # A user's file, model or function may change under its name, where a package's weights do not.
  marks = [f"-{encoder.fingerprint}" for kind, encoder in chosen.items()
           if kind == "text" and config.encoders.file or encoders.is_own(encoder.name)]
  return dataset._replace(modalities=rows, splits=splits,
                          fingerprint=dataset.fingerprint + "".join(marks))


def _encoded(dataset: data_lib.Dataset, name: str, split: str, source: data_lib.Source,
             chosen: Mapping[str, encoders.Encoder], folder: pathlib.Path) -> data_lib.Source:
  kind = {row.name: row.kind for row in dataset.modalities}[name]
  if kind not in chosen:
    return source
  encoder = chosen[kind]
  if encoder.source:
    return encoder.source(source, f"{name} {split}")
  kept = _kept(dataset, name, split, source, encoder, folder) if encoder.cached else None
  return Varied(source, encoder, kept) if encoder.name in encoders.LIGHT else kept


def _kept(dataset: data_lib.Dataset, name: str, split: str, source: data_lib.Source,
          encoder: encoders.Encoder, folder: pathlib.Path) -> data_lib.Arrays:
  """The vectors of a source as they lie on disk; encoded now where they do not."""
  # A source may know its own content: an option of one modality leaves the others' caches be.
  content = getattr(source, "fingerprint", dataset.fingerprint)
  card = {"data": dataset.name, "content": content, "modality": name, "split": split,
          "encoder": encoder.name, "weights": encoder.fingerprint, "examples": len(source)}
  plain = re.sub(r"[^\w.-]+", "_", encoder.name)[-60:]  # a model's name may be a path
  path = folder / f"{dataset.name}-{name}-{split}-{plain}-{_short(card)}.npy"
  opened = _opened(path)
  if opened is None:
    with writing.held(path):
      if (opened := _opened(path)) is None:  # else another process has written it meanwhile
        _write(path, card, source, encoder)
        opened = _opened(path)
  features, keys = opened
  return data_lib.Arrays(source.labels, features, keys)


def _short(card: Mapping[str, Any]) -> str:
  return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:12]


def _opened(path: pathlib.Path) -> tuple[np.ndarray, list[str]] | None:
  """Memory map [N, E] and keys of a finished file; None where it is missing or damaged."""
  note = path.with_suffix(".json")
  if not (path.exists() and note.exists()):
    return None
  try:
    sealed = manifest.check(manifest.beside(path))
    card = json.loads(note.read_text())
    if sealed or card["sha256"] == manifest.digest(path):
      return np.load(path, mmap_mode="r"), card["keys"]
  except (ValueError, KeyError) as error:
    logging.warning("cached features %s are damaged; they are computed again (%s)", path,
                    error.what if isinstance(error, manifest.Damaged) else error)
    return None
  logging.warning("cached features %s are damaged; they are computed again", path)
  return None


def _write(path: pathlib.Path, card: Mapping[str, Any], source: data_lib.Source,
           encoder: encoders.Encoder) -> None:
  """Encodes a source chunk by chunk, then joins the chunks into one file and removes them."""
  parts = path.with_suffix(".parts")
  parts.mkdir(parents=True, exist_ok=True)
  chunks, count = [], len(source)
  with progress.Progress(f"{encoder.name} on {card['modality']} {card['split']}", count,
                         "examples") as line:
    for start in range(0, count, CHUNK):
      part = parts / f"{start:08d}.npz"
      if (chunk := _part(part)) is None:
        chunk = _encode(source, range(start, min(start + CHUNK, count)), encoder)
        writing.write_arrays(part, {"features": chunk[0], "keys": chunk[1]})
      chunks.append(chunk)
      line.update(min(start + CHUNK, count))
  nothing = np.zeros((0, encoder.width), np.float32)
  features = np.concatenate([nothing, *(rows for rows, _ in chunks)])
  keys = [str(key) for _, keys in chunks for key in keys]
  manifest.lift(manifest.beside(path))
  with writing.whole(path) as file:
    np.save(file, features)
  note = {**card, "shape": features.shape, "sha256": manifest.digest(path), "keys": keys}
  writing.write_text(path.with_suffix(".json"), json.dumps(note))
  manifest.seal(manifest.beside(path), _AGAIN, [path, path.with_suffix(".json")])
  if encoder.said:
    logging.info("%s %s: %s", card["modality"], card["split"], encoder.said())
  for part in parts.iterdir():
    part.unlink()
  parts.rmdir()


def _encode(source: data_lib.Source, indices: range,
            encoder: encoders.Encoder) -> tuple[np.ndarray, np.ndarray]:
  examples = [source[index] for index in indices]
  features = encoder.encode([example["input"] for example in examples])
  if not np.isfinite(features).all():
    bad = examples[int(np.flatnonzero(~np.isfinite(features).all(1))[0])]["key"]
    raise ValueError(f"encoder {encoder.name} gives no finite vector for example {bad!r}")
  return features, np.array([example["key"] for example in examples])


def _part(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray] | None:
  """A finished chunk; None where it is missing or fails the checksum that zip files carry."""
  try:
    stored = writing.read_arrays(path)
    return stored["features"], stored["keys"]
  except (FileNotFoundError, ValueError, KeyError):
    return None
