"""Fidelity: what of an example survives when its features are turned into a picture and read again.

Three pictures are compared for each example: the decoder's, the training image of the reference
modality whose features are nearest (a lookup), and where there is an original, the mean image.
"""

import types
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cmx.analysis.inversion import sharpness
from cmx.evaluation import readouts

# What each number is, printed beside it; {layer} and {reference} are filled in.
_DEFINITIONS = {
  "error": (
    "Reconstruction error: mean squared difference of pixels in [-1, 1] to the original image, "
    "for {reference} alone (no other modality has one). inverted: the decoder's image; "
    "nearest: the training image of {reference} whose {layer} is nearest by cosine; mean: the "
    "mean training image."),
  "cosine": (
    "Cosine of the given {layer} with that of the picture, re-encoded as {reference}; mean over"
    " examples. inverted, nearest: as above, the nearest being by construction the best cosine "
    "that any of the training images has; other: the inversion of another example of the "
    "modality, so what is common to all counts here too."),
  "nearer": (
    "Share of examples (%) whose inversion is nearer to the given {layer} than the nearest "
    "training image: above 50 the decoder is more than a lookup."),
  "kept": (
    "Share of examples (%) recognised as their true category: before, by the classifier from "
    "the example itself; from the inverted and from the nearest picture, re-encoded as "
    "{reference}; other: from the inversion of another example, which is chance."),
  "same": (
    "Share of examples (%) whose picture gets the very answer, right or wrong, that the "
    "classifier gives the example; other: as above."),
  "gradient": (
    "Sharpness: mean magnitude of the difference between neighbouring pixels, of grey from -1 to "
    "1. real: validation pictures of {reference}; the nearest pictures are real ones too."),
  "spectrum": (
    "How far the power by wave number is from that of real pictures, in decades, a mean over wave "
    "numbers (0.3: a factor of two).")}


class Read(NamedTuple):
  """What the network reads in pictures, or in the examples themselves.

  Attributes:
    features: [N, D].
    logits: [N, C].
  """

  features: np.ndarray
  logits: np.ndarray


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Cosine of corresponding rows of [N, D] and [N, D], [N]; 0 with a row of zeros."""
  return np.einsum("nd,nd->n", readouts.unit(a), readouts.unit(b))


def squared_error(pictures: np.ndarray, originals: np.ndarray) -> np.ndarray:
  """Mean squared difference of pixels in [-1, 1], uint8 [N, H, W, 3] both -> [N]."""
  difference = (pictures.astype(np.float32) - originals.astype(np.float32)) / 127.5
  return np.mean(difference ** 2, axis=(1, 2, 3))


def measure(given: Read, labels: np.ndarray, inverted: Read, lookup: Read,
            errors: Mapping[str, np.ndarray] | None = None,
            looks: Mapping[str, sharpness.Look] = types.MappingProxyType({}),
            real: np.ndarray | None = None) -> dict[str, dict[str, float]]:
  """The measures of one modality, fractions; see `_DEFINITIONS`.

  Args:
    given: features that were inverted, and the logits of the examples.
    labels: true categories, int [N].
    inverted: the decoder's pictures, re-encoded.
    lookup: the nearest training images.
    errors: {"inverted" | "nearest" | "mean": squared errors [N]}, where there are originals.
    looks: {"inverted" | "nearest" | "real": how such pictures look}, where they were measured.
    real: spectrum of real pictures [F], with `looks`.

  Returns:
    {measure: {column: number}}, without "error" where there are no originals.
  """
  answer, right = given.logits.argmax(axis=1), np.asarray(labels)
  ours, theirs = cosine(given.features, inverted.features), cosine(given.features, lookup.features)
  other = cosine(given.features, np.roll(inverted.features, 1, axis=0))  # their order is random
  answers = {"inverted": inverted.logits.argmax(axis=1), "nearest": lookup.logits.argmax(axis=1)}
  answers["other"] = np.roll(answers["inverted"], 1)
  values = {
    "error": errors or {},
    "cosine": {"inverted": ours, "nearest": theirs, "other": other},
    "nearer": {"inverted": ours > theirs},
    "kept": {"before": answer == right,
             **{way: classes == right for way, classes in answers.items()}},
    "same": {way: classes == answer for way, classes in answers.items()},
    "gradient": {way: found.gradient for way, found in looks.items()},
    "spectrum": {way: sharpness.apart(found.spectrum, real) for way, found in looks.items()
                 if way != "real"}}
  return {name: {column: float(np.mean(value)) for column, value in columns.items()}
          for name, columns in values.items() if columns}


def definitions(layer: str, reference: str) -> dict[str, str]:
  """`_DEFINITIONS` of one layer and reference modality."""
  return {name: text.format(layer=layer, reference=reference)
          for name, text in _DEFINITIONS.items()}


def first_of(labels: np.ndarray, classes: Sequence[int]) -> list[int | None]:
  """The first row of each class in labels [N]; None for classes without any."""
  rows = [np.flatnonzero(np.asarray(labels) == label) for label in classes]
  return [int(its[0]) if len(its) else None for its in rows]
