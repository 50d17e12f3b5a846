"""Warnings about terms that do nothing or everything: in which lines, and once."""

import logging

import pytest

from cmx.training import health

FINE = {"loss": 2.0, "gradient_share": 0.3, "largest/fc6/sound": 0.5, "entropy/fc6/sound": 0.1}


@pytest.mark.parametrize("values, words", [
  ({"gradient_share": 0.00099}, "the alignment terms are 0.099 % of the gradient and do next"),
  ({"gradient_share": 0.91}, "the alignment terms are 91 % of the gradient and drown"),
  ({"share/image": 0.0009}, "the loss of image is 0.09 % of the gradient and does next to nothing"),
  ({"discriminator/right": 0.995}, "the discriminator is right about"),
  ({"largest/fc6/sound": 0.91}, "one component of the mixture of fc6 takes 91 % of sound")])
def test_trouble_is_told_in_words(values, words):
  (found,) = health.troubles(FINE | values).values()
  assert found.startswith(words)


def test_health_is_told_by_nothing():
  assert not health.troubles(FINE) and not health.troubles({"loss": 2.0})
  assert not health.troubles({"gradient_share": 0.001}) | health.troubles({"gradient_share": 0.9})


def test_each_trouble_is_logged_once_and_when_it_lasts(caplog):
  bad = FINE | {"largest/fc6/sound": 0.95}
  look = health.watch("some row")
  with caplog.at_level(logging.WARNING):
    for step, values in enumerate([bad] * 4 + [FINE] + [bad] * 12 + [FINE] + [bad] * 12):
      look(10 * step, values)
      if step == 9:
        look(95, bad | {"gradient_share": 0.95})  # a line is not enough
  assert caplog.messages == ["some row, step 90: one component of the mixture of fc6 takes 95 % of "
                             "sound: to it, the mixture is a single Gaussian (5 lines of metrics "
                             "in a row)"]
