"""A training step of the paper's network at full size beside the same network in PyTorch.

Some minutes and 10 GB of memory: the parameters and their optimiser's state exist three times.
"""

from benchmarks import harness
from benchmarks import networks
from benchmarks.cases import train_step


def comparisons(quick: bool) -> list[harness.Comparison]:
  batch, size, width = (2, 67, 16) if quick else (4, 227, 4_096)
  return train_step.of(lambda method: networks.full_setting(method, batch, size, width), batch,
                       size)
