"""Fits the mixtures of a trained reference network, those that the config's method needs.

  python -m launch.fit --config.method=c --reference=runs/world/seed_0/reference
"""

import time
from collections.abc import Sequence

from absl import logging

from cmx import methods
from cmx.runtime import progress
from launch import advised
from launch import common
from launch import typed

REFERENCE = typed.path("reference", None, "Folder of the reference network.",
                       there=True, required=True)


def main(argv: Sequence[str]) -> None:
  from cmx.data import opening
  from cmx.experiment import mixtures
  from cmx.experiment import preflight
  from cmx.mixture import store
  from cmx.training import checkpoint
  del argv
  started, config, folder = time.monotonic(), advised.config(), REFERENCE.value
  if not methods.named(config.method).statistics:
    needing = [key for key, row in methods.METHODS.items() if row.statistics]
    raise ValueError(f"method {config.method!r} needs no mixtures; expected one of "
                     f"{', '.join(needing)}")
  preflight.check(config)
  run = checkpoint.load_run(folder)
  found = mixtures.needed(config, run, opening.open_data(config).encoded, folder)
  for layer, (fit, _) in found.items():
    weight = fit.mixture.weight
    print(f"{layer}: {store.describe(fit)}; weights {weight.min():.2g} to {weight.max():.2g}")
  logging.info("%d mixtures in %s. Written: %s/mixtures", len(found),
               progress.duration(time.monotonic() - started), folder)


if __name__ == "__main__":
  common.run(main)
