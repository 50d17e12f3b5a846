"""A data set of vectors in two modalities, and a network that was never trained on it."""

import numpy as np

from cmx import data
from cmx import modalities
import tiny

ROWS = tuple(modalities.of_kind(name, "vector")._replace(shape=(3,)) for name in ("sound", "touch"))
CLASSES = ("a", "b", "c", "d")


class Vectors:
  """A source of vectors that index and seed determine."""

  def __init__(self, count, seed):
    self.labels, self._seed = (np.arange(count) % 4).astype(np.int32), seed

  def __len__(self):
    return len(self.labels)

  def __getitem__(self, index):
    rng = np.random.default_rng((self._seed, index))
    return {"input": rng.normal(size=3).astype(np.float32), "label": int(self.labels[index]),
            "key": f"{index}"}


DATASET = data.Dataset("made", CLASSES, ROWS, {split: {
  row.name: Vectors(count, seed) for row in ROWS} for split, count, seed in (
    (data.TRAIN, 17, 0), (data.VALIDATION, 14, 1))}, "f00d")


def run():
  return tiny.untrained(ROWS, "bl_ind", CLASSES)
