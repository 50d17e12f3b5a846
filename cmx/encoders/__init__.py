"""Frozen encoders: turn pixels or texts into vectors before any tower.

`load(name, packages, kind)` is the one door. An encoder with weights reads them straight out of
the package file as downloaded; nothing of a package is imported or run.
"""

import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx import config as config_lib
from cmx.encoders import efficientnet_lite
from cmx.encoders import hashing
from cmx.encoders import minilm

_WITH_WEIGHTS = {module.NAME: module for module in (efficientnet_lite, minilm)}
KINDS = {module.NAME: module.KIND for module in (hashing, efficientnet_lite, minilm)}


class Encoder(NamedTuple):
  """A frozen encoder, ready to use.

  Attributes:
    name: as in the config.
    kind: "pixels" or "text": what it reads.
    width: E of its vectors.
    fingerprint: short hash of its weights, or the version of its rule.
    encode: pictures uint8 [H, W, 3] or texts to vectors float32 [N, E].
    cached: whether its vectors are worth keeping on disk.
  """

  name: str
  kind: str
  width: int
  fingerprint: str
  encode: Callable[[Sequence[Any]], np.ndarray]
  cached: bool = True


def load(name: str, packages: str | pathlib.Path, kind: str) -> Encoder:
  """The encoder of that name for inputs of that kind.

  Args:
    name: one of `KINDS`.
    packages: folder with the downloaded package files.
    kind: "pixels" or "text".

  Raises:
    ValueError: if there is no such encoder for this kind.
    FileNotFoundError: if its package is not in the folder; the message says how to get it.
  """
  if KINDS.get(name) != kind:
    known = [known for known, its in KINDS.items() if its == kind]
    raise ValueError(f"encoder {name!r} for {kind}; expected one of {', '.join(known) or 'none'}")
  if name == hashing.NAME:
    return Encoder(name, kind, hashing.WIDTH, hashing.FINGERPRINT, hashing.encode, cached=False)
  module = _WITH_WEIGHTS[name]
  params, fingerprint = module.load(packages)
  return Encoder(name, kind, module.WIDTH, fingerprint, functools.partial(module.encode, params))


def of(config: config_lib.Config, kind: str) -> Encoder | None:
  """The encoder through which runs of a config read a kind of input; None where they read it raw.

  Raises:
    FileNotFoundError: if its package is not there; the message says how to get it.
  """
  name = {"pixels": config.encoders.pixels, "text": config.encoders.text}.get(kind, "")
  packages = config.data.everyday.packages or f"{config.data.root}/packages"
  return load(name, packages, kind) if name else None
