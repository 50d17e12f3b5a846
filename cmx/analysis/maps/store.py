"""Maps on disk, by the fingerprint of what they are drawn of: who asks again finds them drawn.

  <folder>/<fingerprint>.npz     places and what stands next to what
"""

import hashlib
import pathlib
from collections.abc import Mapping

import numpy as np
import sklearn

from cmx.analysis.maps import tsne
from cmx.evaluation import retrieval
from cmx.files import writing

_FORM = "1"  # of what is kept; another one where `tsne` draws or counts otherwise


def made(folder: pathlib.Path, features: Mapping[str, retrieval.Activations], layer: str,
         sample: tsne.Sample, *, perplexity: float = 30.0, seed: int = 0) -> tsne.Map:
  """The map of `tsne.make` with the same arguments, read where it is in the folder."""
  path = folder / f"{_fingerprint(features, layer, sample, perplexity, seed)}.npz"
  if path.exists():
    try:
      kept = writing.read_arrays(path)
      nearest, *shares, points = kept["mixing"].tolist()
      return tsne.Map(sample, kept["place"], tsne.Mixing(int(nearest), *shares, int(points)))
    except (ValueError, KeyError):
      path.unlink()  # cut off, say: it is drawn again
  found = tsne.make(features, layer, sample, perplexity=perplexity, seed=seed)
  folder.mkdir(parents=True, exist_ok=True)
  writing.write_arrays(path, {"place": found.place, "mixing": np.array(found.mixing)})
  return found


def _fingerprint(features: Mapping[str, retrieval.Activations], layer: str, sample: tsne.Sample,
                 perplexity: float, seed: int) -> str:
  total = hashlib.sha256(repr((_FORM, sklearn.__version__, layer, float(perplexity), seed,
                               sample.names)).encode())
  arrays = [sample.modality, sample.row]
  for name, part in features.items():
    total.update(name.encode())
    arrays += [part[key] for key in (layer, "label") if key in part]
  for array in arrays:
    total.update(f"{array.shape} {array.dtype}".encode())
    total.update(np.ascontiguousarray(array))
  return total.hexdigest()[:16]
