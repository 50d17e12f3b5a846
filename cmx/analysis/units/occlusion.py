"""Occlusion: which part of an example a unit's response hangs on, found by leaving parts out.

  drop(part) = (response - response without the part) / response

A part of a text is a word, wherever it stands in the text; a part of a picture is one of the
squares that it is cut into, painted over in the picture's mean colour.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cmx import modalities as modalities_lib
from cmx.analysis.units import subject as subject_lib
from cmx.data import encoders
from cmx.evaluation import features
from cmx.runtime import devices

BATCH = 32  # examples a forward pass: about as many as one example has parts
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

# From raw inputs to the responses of every layer, {layer: [N, U]}.
Responses = Callable[[Sequence[Any]], dict[str, np.ndarray]]


def responses(subject: subject_lib.Subject, row: modalities_lib.Modality) -> Responses:
  """A function from inputs as a person sees them, through their encoder, to units' responses.

  Raises:
    FileNotFoundError: if the encoder's package is not there any more.
  """
  encoder = encoders.of(subject.run.config, row.kind)
  batch = devices.rounded_up(BATCH)
  read = features.reader(subject.run, row, subject.layers, batch)

  def of(inputs: Sequence[Any]) -> dict[str, np.ndarray]:
    x = encoder.encode(inputs) if encoder else np.stack(inputs)
    parts = [read(subject.params, x[i:i + batch]) for i in range(0, len(x), batch)]
    return {layer: np.concatenate([
      subject_lib.laid_out(part[layer], layer, row, subject.layout).max(axis=1) for part in parts])
      for layer in subject.layers}

  return of


def words(text: str) -> list[str]:
  """The different words of a text, in lower case, as they first come."""
  return list(dict.fromkeys(word.lower() for word in WORD.findall(text)))


def without_word(text: str, word: str) -> str:
  """The text without a word (lower case), wherever it stands."""
  left = WORD.sub(lambda match: "" if match[0].lower() == word else match[0], text)
  return re.sub(r"\s+", " ", left).strip()


def without_square(picture: np.ndarray, count: int, square: int) -> np.ndarray:
  """uint8 [H, W, 3] with one of count x count squares, counted row by row, in the mean colour."""
  rows, columns = (np.linspace(0, length, count + 1).round().astype(int)
                   for length in picture.shape[:2])
  i, j = divmod(square, count)
  painted = picture.copy()
  painted[rows[i]:rows[i + 1], columns[j]:columns[j + 1]] = picture.mean(axis=(0, 1)).round()
  return painted


def drops(whole: Any, parts: Sequence[Any], responses: Responses) -> dict[str, np.ndarray]:
  """What each unit loses of its response, {layer: [parts, U]}; 0 where it does not respond.

  Args:
    whole: the example.
    parts: the example with a part left out, one each.
    responses: of the example's modality.
  """
  responded = responses([whole, *parts])
  return {layer: np.where(x[0] > 0, (x[0] - x[1:]) / np.where(x[0] > 0, x[0], 1), 0)
          for layer, x in responded.items()}
