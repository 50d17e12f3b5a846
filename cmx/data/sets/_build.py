"""`tfds build` for the data sets of this folder, in an environment without TensorFlow.

TFDS's own command line imports TensorFlow for commands other than this one; its build command does
not need it.
"""

from collections.abc import Callable, Sequence

from tensorflow_datasets.scripts.cli import build
from tensorflow_datasets.scripts.cli import cli_utils

_IMPORTS = "--imports=cmx.data.sets.cmplaces.dataset"


def parse(argv: Sequence[str]) -> Callable[[], None]:
  """The build that a command line asks for, ready to be run; flags are those of `tfds build`."""
  words = list(argv)
  if not any(word.startswith(("--imports", "-i")) for word in words):
    words.append(_IMPORTS)
  return cli_utils.make_flags_parser(build.Args, "tfds build, without TensorFlow")(words).execute
