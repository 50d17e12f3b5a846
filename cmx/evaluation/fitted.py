"""Statistics of a run's read-outs: fitted on training examples, once, and kept with the run.

  <workdir>/features/sampled_train/   activations of training examples, at most `EXAMPLES` of each
                                      modality, drawn at random
  <workdir>/readouts/<layer>.npz      what `readouts.fit` makes of them, and a card: of what
"""

import json
import pathlib
import numpy as np

from cmx import data
from cmx.evaluation import features
from cmx.evaluation import readouts
from cmx.files import writing
from cmx.training import checkpoint

EXAMPLES = 5_000  # of each modality: more change means and covariances little


def training(run: checkpoint.Run, dataset: data.Dataset,
             workdir: pathlib.Path) -> features.Features:
  """Activations of training examples, {modality: {layer: [N, D], "label": [N]}}; kept on disk."""
  layers = list(dict.fromkeys((*features.compared(run.config), "fc8")))
  return features.extract(run, dataset, data.TRAIN, layers, workdir / "features" / "sampled_train",
                          batch=run.config.evaluation.batch, limit=EXAMPLES)


def statistics(run: checkpoint.Run, dataset: data.Dataset,
               workdir: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
  """What all read-outs know of the layers that the run compares; read where it is on disk.

  Args:
    run: trained network.
    dataset: opened and encoded as for the run.
    workdir: of the run.

  Returns:
    {layer: {"piece/modality": array [...]}}, see `readouts.fit`.

  Raises:
    ValueError: as `features.extract` and `readouts.fit`.
  """
  card = json.dumps({"weights": features.digest(run.params), "data": dataset.fingerprint,
                     "examples": EXAMPLES, "readouts": sorted(readouts.READOUTS)})
  files = {layer: workdir / "readouts" / f"{layer}.npz" for layer in features.compared(run.config)}
  found = {layer: _read(file, card) for layer, file in files.items()}
  if None in found.values():
    examples = training(run, dataset, workdir)
    for layer in [layer for layer, arrays in found.items() if arrays is None]:
      found[layer] = readouts.fit(examples, layer)
      files[layer].parent.mkdir(exist_ok=True)
      writing.write_arrays(files[layer], {"card": np.array(card), **found[layer]})
  return found


def _read(file: pathlib.Path, card: str) -> dict[str, np.ndarray] | None:
  """What a file of that card holds; None where there is none, or it cannot be read."""
  try:
    arrays = writing.read_arrays(file)
    return arrays if str(arrays.pop("card")) == card else None
  except (OSError, ValueError, KeyError):
    return None
