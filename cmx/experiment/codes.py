"""Codes of classes for rows that need them: vectors of their names, or directions at random."""

import re

import numpy as np

from cmx import config as config_lib
from cmx import data
from cmx import methods
from cmx.alignment import prototypes
from cmx.data import encoders
from cmx.data.encoders import given


def needed(config: config_lib.Config, dataset: data.Dataset) -> np.ndarray | None:
  """A code of each class [C, D] of unit length, D being the trunk's width; None for other rows.

  A class that no modality's training examples show has the code 0: its name is not read, so that
  unseen classes are unseen.

  Args:
    config: of the row; its seed chooses the directions, or how names' vectors are turned.
    dataset: opened and encoded.

  Raises:
    ValueError: if names are to be read and a class has none, the text encoder has no vector of it,
      or two classes have the same.
    FileNotFoundError: if the text encoder's file is not there.
  """
  kind, width = methods.named(config.method).codes, config.network.trunk
  if not kind:
    return None
  shown = np.unique(np.concatenate([source.labels
                                    for source in dataset.splits[data.TRAIN].values()]))
  codes = np.zeros((len(dataset.classes), width), np.float32)
  if kind == methods.RANDOM:
    codes[shown] = prototypes.random_codes(len(dataset.classes), width, config.seed)[shown]
  else:
    vectors = _of_names(config, [dataset.classes[label] for label in shown])
    codes[shown] = prototypes.placed(vectors, width, config.seed)
  return codes


def _of_names(config: config_lib.Config, names: list[str]) -> np.ndarray:
  """Vectors [n, E] of classes' names by the config's text encoder; refuses what is no name."""
  what = f"method {config.method!r} reads the classes' names"
  words = [" ".join(re.findall(r"[^\W\d_]+", name)) for name in names]
  for name, text in zip(names, words):
    if not text:
      raise ValueError(f"{what}, and class {name!r} has none; expected words")
  encoder = encoders.of(config, "text")
  if encoder is None:
    raise ValueError(f"{what}; expected config.encoders.text to name an encoder of texts")
  try:
    vectors = encoder.encode(words)
  except given.NoVector as error:
    raise ValueError(f"{what}: {error}; expected config.encoders.text hashing, words or minilm"
                     ) from error
  for i, name in enumerate(names):
    if not vectors[i].any():
      raise ValueError(f"{what}, and encoder {encoder.name!r} has no vector of {name!r}; expected "
                       "one that knows its words")
    same = [names[j] for j in range(i) if (vectors[j] == vectors[i]).all()]
    if same:
      raise ValueError(f"{what}, and encoder {encoder.name!r} has one vector for {same[0]!r} and "
                       f"{name!r}; expected different names")
  return vectors
