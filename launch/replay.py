"""Does a single step of a training again whose loss or gradient was not finite, and looks at it.

  python -m launch.replay --dump=runs/world/seed_0/c/not_finite/step_120.npz

Training that stops there has written the file, which is all that is needed: batch, parameters
before the step, and what its terms were given. Prints the numbers of then and of now, the examples
that are not finite from their input or which layer on, the largest activations, and the gradients
that are not finite. Ends with exit code 1 if the step is not finite now either.
"""

import math
import sys
from collections.abc import Sequence

from launch import common
from launch import typed

DUMP = typed.path("dump", None, "File not_finite/step_<n>.npz of a work directory.", there=True,
                  required=True)


def main(argv: Sequence[str]) -> None:
  del argv
  from cmx.training import not_finite
  scene, state = not_finite.read(DUMP.value)
  found = not_finite.examine(scene, state)
  print(not_finite.to_text(scene, found))
  if found.gradients or not all(map(math.isfinite, found.values.values())):
    sys.exit(1)


if __name__ == "__main__":
  common.run(main)
