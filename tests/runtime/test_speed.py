"""The speed of a machine: as what is timed says."""

import numpy as np

from cmx.runtime import speed


def test_a_machine_that_takes_twice_as_long_is_half_as_fast(monkeypatch):
  def measured(seconds):
    clock = iter(range(10**6))
    monkeypatch.setattr(speed.time, "monotonic", lambda: seconds * next(clock))
    return speed.flops_per_second()

  np.testing.assert_allclose(measured(0.02) / measured(0.04), 2.0)
