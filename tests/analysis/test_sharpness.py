"""Sharpness and power spectrum of pictures, on planted ones."""

import numpy as np
import pytest

from cmx.analysis.inversion import sharpness


def waves(number, side=16, high=100):
  """A picture of grey with one wave of that number across, from 127.5 - high to 127.5 + high."""
  row = np.rint(127.5 + high * np.cos(2 * np.pi * number * np.arange(side) / side))
  return np.broadcast_to(row.astype(np.uint8)[None, None, :, None], (1, side, side, 3))


def test_a_picture_of_one_colour_has_neither_gradient_nor_power():
  found = sharpness.look(np.full((2, 8, 8, 3), 77, np.uint8))
  assert found.gradient == pytest.approx(0, abs=1e-6) and found.spectrum.max() < 1e-10
  assert found.spectrum.shape == (4,)


def test_the_gradient_is_the_mean_length_of_the_step_to_both_neighbours():
  picture = np.zeros((1, 3, 3, 3), np.uint8)
  picture[:, 1:, 1:] = 255  # steps of 2: down at one place, right at one, and both at none
  expected = [np.hypot(0, 0), np.hypot(2, 0), np.hypot(0, 2), np.hypot(0, 0)]
  assert sharpness.look(picture).gradient == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize("number", [1, 3, 7])
def test_a_wave_has_its_power_at_its_number(number):
  found = sharpness.look(waves(number))
  assert found.spectrum.argmax() + 1 == number
  rest = np.delete(found.spectrum, number - 1)
  assert found.spectrum[number - 1] > 1e3 * rest.max()


def test_parts_are_weighted_by_their_number():
  parts = [(1, sharpness.Look(1.0, np.array([4.0]))), (3, sharpness.Look(5.0, np.array([0.0])))]
  found = sharpness.mean(parts)
  assert found.gradient == 4.0 and found.spectrum.tolist() == [1.0]


def test_spectra_are_apart_by_decades():
  assert sharpness.apart(np.array([10.0, 0.1]), np.array([1.0, 10.0])) == pytest.approx(1.5)
  assert sharpness.apart(np.zeros(3), np.zeros(3)) == 0
