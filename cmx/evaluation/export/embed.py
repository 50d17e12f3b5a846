"""Features of inputs by the tower in this folder: python embed.py inputs.npy features.npz

Needs JAX and NumPy alone; card.json says what inputs are. Features are those of each layer, fc8
being the logits of the classes in card.json.
"""

import json
import pathlib
import runpy
import sys

import jax.export
import numpy as np


def main(inputs: str, features: str) -> None:
  """Reads inputs from an .npy file, and writes the activations of every layer as .npz."""
  here = pathlib.Path(__file__).parent
  card = json.loads((here / "card.json").read_text())
  prepared = runpy.run_path(str(here / "preprocess.py"))["prepared"]
  tower = jax.export.deserialize(bytearray((here / "tower.jaxexport").read_bytes()))
  with np.load(here / "weights.npz") as weights:
    found = tower.call(dict(weights), prepared(np.load(inputs), card))
  np.savez(features, **found)


if __name__ == "__main__":
  main(*sys.argv[1:])
