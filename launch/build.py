"""`tfds build`, where TensorFlow is not installed: the same flags, for CMPlaces if none says else.

  python -m launch.build cmplaces/natural --manual_dir=ARCHIVES --data_dir=data
  python -m launch.build cmplaces --data_dir=data --beam_pipeline_options=runner=DirectRunner
"""

import sys
from collections.abc import Callable, Sequence

from absl import app


def main(build: Callable[[], None]) -> None:
  try:
    build()
  except (ValueError, OSError, AssertionError) as error:  # TFDS asserts what users give, too
    sys.exit(f"{type(error).__name__}: {error}")


def parse(argv: Sequence[str]) -> Callable[[], None]:
  """TFDS's own reading of its flags, after a line that says what takes seconds."""
  print("cmx build: starting TFDS ...", file=sys.stderr)
  from cmx.data.sets import _build
  return _build.parse(argv)


if __name__ == "__main__":
  app.run(main, flags_parser=parse)
