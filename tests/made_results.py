"""Results of runs, as evaluation leaves them, of made-up numbers."""

import numpy as np

from cmx import modalities
from cmx.evaluation import results
from cmx.evaluation import retrieval


def table_of(mean, chance=0.01, layer="fc7", rows=modalities.CMPLACES):
  """A table of one number, or of an array [M, M] of them; NaN where a cell is undefined."""
  m = len(rows)
  mean = np.broadcast_to(np.asarray(mean, float), (m, m)).copy()
  by_chance = np.where(np.isnan(mean), np.nan, chance)
  return retrieval.Table(
    layer, "cosine", tuple(row.name for row in rows), mean, by_chance, mean / 2, by_chance,
    queries=np.where(np.isnan(mean), 0, 2050), gallery=np.full((m, m), 2050) - np.eye(m, dtype=int),
    relevant=np.full((m, m, 2), 10))


def run_of(mean, method="c", name="C: Tune + StatReg (GMM)", seed=0, rows=modalities.CMPLACES,
           layers=("fc7",), accuracy=None, chance=0.01, **facts):
  """The result of a run; `accuracy`: of the recognition, a number for each modality."""
  accuracy = [0.1 * i + 0.1 * seed for i in range(len(rows))] if accuracy is None else accuracy
  recognition = {row.name: retrieval.Recognition(value, 0.5, 40)
                 for row, value in zip(rows, accuracy, strict=True)}
  layer_tables = [table_of(mean, chance, layer, rows) for layer in layers]
  return results.run_result(method, name, seed, rows, layer_tables, recognition, **facts)
