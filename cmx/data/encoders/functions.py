"""A function of the user's as a frozen encoder: a list of pictures or texts in, an array out.

  --config.encoders.pixels=python:mine.encode    mine.py lies where the command runs, or is known

It is given PIL images or strings. Its vectors are kept on disk by the text of its module's file;
where weights lie elsewhere, an attribute `fingerprint` of the function, a string, says which.
"""

import functools
import hashlib
import importlib
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

_PREFIX = "python:"
BATCH = 64  # examples a call at most


def is_one(name: str) -> bool:
  """Whether the name of an encoder is that of a function."""
  return name.startswith(_PREFIX)


def load(name: str, kind: str) -> tuple[int, str, Callable[[Sequence[Any]], np.ndarray]]:
  """The function "python:module.function" for a kind of input; it is called once, for its width.

  Returns:
    E, a short hash, and the function of inputs to vectors float32 [N, E].

  Raises:
    ValueError: if it is not there, fails, or gives no vector for an example.
  """
  module_name, _, attribute = name.removeprefix(_PREFIX).rpartition(".")
  if not module_name or not attribute:
    raise ValueError(f"encoder {name!r}; expected python:module.function")
  try:
    module = importlib.import_module(module_name)
  except Exception as error:  # a user's own program: whatever is wrong with it
    raise ValueError(f"encoder {name!r}: {module_name} cannot be imported ({type(error).__name__}: "
                     f"{error}); expected a module in this folder, or an installed one") from error
  function = getattr(module, attribute, None)
  if not callable(function):
    functions = [key for key, value in vars(module).items()
                 if callable(value) and not key.startswith("_")]
    raise ValueError(f"encoder {name!r}: {module_name} has no function {attribute!r}; it has "
                     f"{', '.join(functions[:8]) or 'none'}")
  encode = functools.partial(_encode, function, name, kind)
  probe: Any = np.full((64, 64, 3), 255, np.uint8) if kind == "pixels" else "a"
  return encode([probe]).shape[1], _fingerprint(module, function), encode


def _fingerprint(module: Any, function: Any) -> str:
  file = getattr(module, "__file__", None)
  content = pathlib.Path(file).read_bytes() if file and pathlib.Path(file).is_file() else b""
  told = f"{module.__name__} {getattr(function, 'fingerprint', '')} ".encode()
  return hashlib.sha256(told + content).hexdigest()[:16]


def _encode(function: Callable[[list[Any]], Any], name: str, kind: str,
            inputs: Sequence[Any]) -> np.ndarray:
  """Vectors float32 [N, E] of pictures uint8 [H, W, 3] or texts."""
  rows = []
  for start in range(0, len(inputs), BATCH):
    part = list(inputs[start:start + BATCH])
    given = [Image.fromarray(image) for image in part] if kind == "pixels" else part
    try:
      found = np.asarray(function(given))
    except Exception as error:  # as above
      raise ValueError(f"encoder {name!r} fails on {len(part)} examples: {type(error).__name__}: "
                       f"{error}") from error
    if found.ndim != 2 or found.dtype.kind not in "fiu" or not found.shape[1]:
      raise ValueError(f"encoder {name!r} gives an array {found.dtype} {list(found.shape)}; "
                       f"expected numbers [{len(part)}, E], a row for each example")
    if len(found) != len(part):
      raise ValueError(f"encoder {name!r} gives {len(found)} rows for {len(part)} examples; "
                       "expected a row for each, in their order")
    if not np.isfinite(found).all():
      raise ValueError(f"encoder {name!r} gives numbers that are not finite for "
                       f"{int((~np.isfinite(found)).any(1).sum())} of {len(part)} examples")
    rows.append(found.astype(np.float32))
  widths = {row.shape[1] for row in rows}
  if len(widths) > 1:
    raise ValueError(f"encoder {name!r} gives vectors of {sorted(widths)} numbers; expected one "
                     "width")
  return np.concatenate(rows)
