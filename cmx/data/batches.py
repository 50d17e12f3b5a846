"""Batches: balanced over modalities and classes, augmented, a pure function of (seed, step).

Nothing about the input has to be saved or restored: step 1,000 of a resumed run reads the very
examples that it would have read without the interruption, with the same augmentation.
"""

import zlib
from typing import Any, NamedTuple

import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx import modalities as modalities_lib

_Batch = dict[str, dict[str, np.ndarray]]  # {modality: {"input": [B, ...], "label": int32 [B]}}


class Sampler(NamedTuple):
  """One modality's training examples, by class.

  Attributes:
    modality: row.
    source: training examples.
    cells: indices of the examples of each class that has any; classes without are left out.
  """

  modality: modalities_lib.Modality
  source: data.Source
  cells: list[np.ndarray]


def samplers(dataset: data.Dataset) -> list[Sampler]:
  """A sampler for each modality of a data set.

  Raises:
    ValueError: if a modality has no training examples (left, where classes are held back).
  """
  by_modality = []
  for modality in dataset.modalities:
    source = dataset.splits[data.TRAIN][modality.name]
    labels = np.asarray(source.labels)
    if not len(labels):
      raise ValueError(f"modality {modality.name!r} has no training examples; expected 1 or more: "
                       "leave it out with config.data.modalities, or hold back fewer classes")
    order = np.argsort(labels, kind="stable")
    cells = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    by_modality.append(Sampler(modality, source, cells))
  return by_modality


def batch_at(samplers: list[Sampler], seed: int, step: int, size: int, *,
             augment: config_lib.Augment, rows: slice = slice(None)) -> _Batch:
  """The batch of a step: `size` examples of each modality, its classes as evenly as they go.

  Args:
    samplers: see `samplers`; a modality's part does not depend on the others.
    seed: of the run.
    step: counted from 0.
    size: examples of each modality.
    augment: how examples are varied.
    rows: which of each modality's examples are wanted; they are the same whatever is left out.

  Returns:
    {modality: {"input": uint8 [b, H, W, 3] or float32 [b, E], "label": int32 [b]}}; b is `size`, or
    the number of `rows`.
  """
  batch = {}
  for sampler in samplers:
    entropy = _entropy(sampler, seed, step)
    rng = np.random.default_rng(entropy)
    drawn = list(enumerate(_draw(rng, sampler.cells, size)))[rows]
    examples = [_read([*entropy, place], sampler, index, augment) for place, index in drawn]
    batch[sampler.modality.name] = {
      "input": _augmented(rng, sampler, [e["input"] for e in examples], augment, size, rows),
      "label": np.array([e["label"] for e in examples], np.int32)}
  return batch


def keys_at(samplers: list[Sampler], seed: int, step: int, size: int) -> dict[str, list[str]]:
  """Keys {modality: [B]} of the examples of `batch_at`, in its order."""
  return {sampler.modality.name: [
    sampler.source[index]["key"] for index in _draw(
      np.random.default_rng(_entropy(sampler, seed, step)), sampler.cells, size)]
    for sampler in samplers}


def _entropy(sampler: Sampler, seed: int, step: int) -> list[int]:
  return [seed, step, zlib.crc32(sampler.modality.name.encode())]


def _draw(rng: np.random.Generator, cells: list[np.ndarray], size: int) -> list[int]:
  """Indices of `size` examples: every class once before any class twice, examples at random."""
  rounds = -(-size // len(cells))
  classes = np.concatenate([rng.permutation(len(cells)) for _ in range(rounds)])[:size]
  return [int(cells[c][rng.integers(len(cells[c]))]) for c in classes]


def _read(entropy: list[int], sampler: Sampler, index: int,
          augment: config_lib.Augment) -> data.Example:
  """An example; of a text, with words left out where that is asked for."""
  if augment.word_dropout and sampler.modality.kind == "text":
    return sampler.source.varied(index, np.random.default_rng(entropy), augment.word_dropout)
  return sampler.source[index]


def _augmented(rng: np.random.Generator, sampler: Sampler, inputs: list[Any],
               augment: config_lib.Augment, size: int, rows: slice) -> np.ndarray:
  if isinstance(inputs[0], str):
    raise ValueError(f"modality {sampler.modality.name!r} gives texts; expected vectors: name a "
                     "text encoder in config.encoders.text")
  x = np.stack(inputs)
  if x.ndim == 4:
    return images(rng, x, sampler.modality.mirror, augment, size, rows)
  return vectors(rng, x, augment, size, rows)


def images(rng: np.random.Generator, x: np.ndarray, mirror: bool, augment: config_lib.Augment,
           size: int | None = None, rows: slice = slice(None)) -> np.ndarray:
  """Shifted, mirrored and relit images; uint8 [b, H, W, 3] -> the same.

  Args:
    rng: of the batch.
    x: images.
    mirror: whether a mirror image is still valid; never for written words.
    augment: shift in pixels, relative change of brightness and contrast.
    size: B, examples of the whole batch, for which numbers are drawn; b where None is given.
    rows: which of them `x` is.
  """
  # Numbers are drawn for the whole batch, so that a process that has a part of it draws the same.
  b, (_, h, w, _) = size or len(x), x.shape
  s = min(augment.shift, max(h, w))  # what is moved further shows its edge alone, too
  out = np.array(x)
  if s:
    padded = np.pad(x, ((0, 0), (s, s), (s, s), (0, 0)), mode="edge")
    shifts = rng.integers(0, 2 * s + 1, (2, b))[:, rows]
    for image, source, i, j in zip(out, padded, *shifts):
      image[:] = source[i:i + h, j:j + w]
  if mirror:
    for i in np.flatnonzero(rng.random(b)[rows] < 0.5):
      for channel in range(3):  # a third of the time of reversing whole pixels
        out[i, :, :, channel] = out[i, :, ::-1, channel].copy()
  if augment.brightness:
    contrast, brightness = rng.uniform(-augment.brightness, augment.brightness,
                                       (2, b, 1, 1, 1))[:, rows]
    gain = (1 + contrast).astype(np.float32)
    offset = (127.5 * (brightness - contrast) + 0.5).astype(np.float32)  # + 0.5: astype cuts
    relit = out * gain
    relit += offset
    out = np.clip(relit, 0, 255, out=relit).astype(np.uint8)
  return out


def vectors(rng: np.random.Generator, x: np.ndarray, augment: config_lib.Augment,
            size: int | None = None, rows: slice = slice(None)) -> np.ndarray:
  """Vectors with entries dropped and noise added; float [b, E] -> float32; see `images`."""
  x = x.astype(np.float32)
  whole = size or len(x), x.shape[1]
  if augment.vector_dropout:
    kept = rng.random(whole, np.float32)[rows] >= augment.vector_dropout
    x = np.where(kept, x / (1 - augment.vector_dropout), 0).astype(np.float32)
  if augment.vector_noise:
    scale = augment.vector_noise * np.sqrt(np.mean(x * x, axis=1, keepdims=True))
    x = x + scale * rng.standard_normal(whole, np.float32)[rows]
  return x
