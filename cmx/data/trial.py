"""What a run's encoder of texts makes of them, tried on each text before anything is trained."""

from collections.abc import Iterable

import numpy as np

from cmx import config as config_lib
from cmx import data as data_lib
from cmx.data import encoders
from cmx.files import text as text_lib

_NAMED = 5  # examples that a remark names
_KIND = "text"


class Trial:
  """Encodes texts as they come by, where that is quick, and keeps what cannot be encoded."""

  def __init__(self, config: config_lib.Config):
    self._config, self._encoder, self._opened = config, None, False
    self._zeros: dict[str, list[str]] = {}  # by modality: keys of texts
    self._problems: dict[str, dict[str, None]] = {}  # by modality, each once
    self._kept: dict[tuple[str, str], list[tuple[str, str]]] = {}  # texts and keys, by split

  def look(self, modality: str, split: str, key: str, text: str) -> None:
    """Looks at an example. The encoder is opened when the first comes; a bad one sees none."""
    if not self._opened:
      self._opened = True
      try:
        self._encoder = encoders.of(self._config, _KIND)
      except (ValueError, FileNotFoundError):
        return
    if self._encoder is None:
      return
    if self._encoder.source:  # which has the vectors of examples alone
      self._kept.setdefault((modality, split), []).append((text, key))
    elif self._encoder.said:  # which looks words up
      try:
        if not self._encoder.encode([text]).any():
          self._zeros.setdefault(modality, []).append(key)
      except ValueError as error:
        self._problems.setdefault(modality, {})[f"{error}"] = None

  def problems(self, modalities: Iterable[str]) -> list[str]:
    """Why texts of these modalities cannot be encoded; empty where they can."""
    modalities = list(modalities)
    found = [problem for name in modalities for problem in self._problems.get(name, {})]
    for (name, split), examples in self._kept.items():
      try:
        if name in modalities:
          texts, keys = zip(*examples)
          self._encoder.source(data_lib.Arrays(np.zeros(len(texts), np.int32), texts, keys),
                               f"{name} {split}")
      except ValueError as error:
        found.append(f"{error}")
    return found

  def remarks(self, modalities: Iterable[str]) -> list[str]:
    """How many texts of these modalities become zeros, and which words are not known."""
    keys = [key for name in modalities for key in self._zeros.get(name, [])]
    if not keys:
      return []
    named = ", ".join(text_lib.shown(key) for key in keys[:_NAMED])
    return [f"encoder {self._encoder.name} makes zero vectors of {len(keys)} texts ({named}"
            f"{', ...' * (len(keys) > _NAMED)}): {self._encoder.said()}"]
