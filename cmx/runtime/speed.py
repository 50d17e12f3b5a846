"""How fast this machine is just now: what estimates of minutes start from."""

import time

import jax
import numpy as np

from cmx.runtime import progress

_SIDE = 512  # of the matrices
_SECONDS = 0.1  # of measuring
_IDLE = 1e11  # FLOP/s on the two idle CPU cores that the seconds of estimates were measured on


def flops_per_second() -> float:
  """FLOP/s of matrix products [512, 512] on one device, with whatever else the machine does now."""
  x = np.random.default_rng(0).normal(size=(_SIDE, _SIDE)).astype(np.float32)
  product = jax.jit(lambda a: a @ a)
  product(x).block_until_ready()  # compiles
  x, times = jax.device_put(x), []
  end = time.monotonic() + _SECONDS
  while time.monotonic() < end:
    started = time.monotonic()
    product(x).block_until_ready()
    times.append(time.monotonic() - started)
  return 2 * _SIDE ** 3 / float(np.median(times))


def slower(rate: float) -> float:
  """How many times longer work takes at a rate of FLOP/s than on the cores that were measured.

  What is estimated so is not all products of matrices: an accelerator is not much shorter.
  """
  return max(_IDLE / rate, 0.3)


def about(seconds: float) -> str:
  """What took so long on the cores that were measured, in words, on this machine as it is now."""
  return progress.about(seconds * slower(flops_per_second()))
