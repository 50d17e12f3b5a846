"""The content of a study's table, of made-up scores."""

import numpy as np

from cmx.evaluation import comparison
from cmx.evaluation import scores

CLASSES = 8
LABELS = np.arange(80) % CLASSES


def score(values, chance=0.05):
  """A score of queries of these values [80], ten of each class."""
  by_class = np.array([values[LABELS == c].mean() for c in range(CLASSES)])
  return scores.Score(float(values.mean()), chance, by_class, by_class, values, LABELS)


def content(values=("",), seeds=3, measures=("mean", "no DSC", "recognition"), **changes):
  """Rows bl_ind, bl_shfinal, c at about 0.2, 0.4 and 0.41, and 0.1 more at each further value."""
  cells = {}
  for i, value in enumerate(values):
    for j, (row, mean) in enumerate({"bl_ind": 0.2, "bl_shfinal": 0.4, "c": 0.41}.items()):
      rng = np.random.default_rng(10 * i + j)
      cells[value, row] = {seed: {name: score(mean + 0.1 * i + rng.normal(0, 0.05, 80))
                                  for name in measures} for seed in range(seeds)}
  return {**comparison.compare(cells, "bl_shfinal"), "definition": "mAP, defined.", "unseen": "",
          "failed": [], "missing": 0, "tuning": None, "seconds": {}, "provenance": {}, **changes}
