"""cmx: one representation across kinds of input that share only class labels.

  cmx.load(path)       a trained run: encode(inputs, modality), search(vectors, modality, k)
  cmx.Alignment(...)   the same for arrays, in scikit-learn's manner: fit, transform

Both are imported when they are first asked for, and JAX with them; `import cmx` takes no time.

Dimension letters used in every docstring:

  B batch per device      N examples            Q, G queries and gallery
  M modalities            C classes             D feature width
  U units                 K components          H, W image height and width
  E width of a precomputed vector (sentence vectors, frozen features)
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ("Alignment", "__version__", "load")


def __getattr__(name: str) -> Any:
  if name == "load":
    from cmx.experiment import run
    return run.load
  if name == "Alignment":
    from cmx.experiment import estimator
    return estimator.Alignment
  raise AttributeError(f"module 'cmx' has no attribute {name!r}")


def __dir__() -> list[str]:
  return sorted({*globals(), *__all__})
