"""Warnings about terms that do nothing, or everything: once each, in the log."""

from collections.abc import Callable, Mapping

from absl import logging

LARGEST = 0.9  # share of a modality's examples above which one component has swallowed it
SHARES = (0.001, 0.9)  # of the gradient: below, a term does nothing; above, nothing else does
RIGHT = 0.99  # share of pairs above which a discriminator has nothing left to learn
LINES = 5  # of metrics in a row before a warning: the first steps are not typical


def watch(name: str) -> Callable[[int, Mapping[str, float]], None]:
  """Warns once of each trouble in lines of metrics, given one after the other: (step, values)."""
  lines: dict[str, int] = {}

  def look(step: int, values: Mapping[str, float]) -> None:
    unhealthy = troubles(values)
    for key in [key for key in lines if key not in unhealthy and lines[key] < LINES]:
      del lines[key]
    for key, words in unhealthy.items():
      lines[key] = lines.get(key, 0) + 1
      if lines[key] == LINES:
        logging.warning("%s, step %d: %s (%d lines of metrics in a row)", name, step, words, LINES)

  return look


def troubles(values: Mapping[str, float]) -> dict[str, str]:
  """What is not healthy in a line of metrics, in words, by metric."""
  said = {}
  for key, value in values.items():
    kind, _, place = key.partition("/")
    if kind == "largest" and value > LARGEST:
      layer, modality = place.split("/", 1)
      said[key] = (f"one component of the mixture of {layer} takes {100 * value:.0f} % of "
                   f"{modality}: to it, the mixture is a single Gaussian")
    if kind == "share" and value < SHARES[0]:
      said[key] = (f"the loss of {place} is {100 * value:.2g} % of the gradient and does next to "
                   "nothing: expected a larger weight, or 0")
    if key == "discriminator/right" and value > RIGHT:
      said[key] = (f"the discriminator is right about {100 * value:.0f} % of the pictures, and "
                   "teaches little: expected a larger adversarial_penalty")
    if key == "gradient_share" and value < SHARES[0]:
      said[key] = (f"the alignment terms are {100 * value:.2g} % of the gradient and do next to "
                   "nothing: expected a larger alignment.weight")
    if key == "gradient_share" and value > SHARES[1]:
      said[key] = (f"the alignment terms are {100 * value:.0f} % of the gradient and drown the "
                   "cross entropy: expected a smaller alignment.weight")
  return said
