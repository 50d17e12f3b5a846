"""What absl says of wrong flags, in words that say what to do."""

import re

from absl import flags

_MISSING = re.compile(r"flag --(\w+)=None: Flag --\1 must have a value other than None\.")
_TWICE = re.compile(r"flag --(\w+)=[^\n]*?: (?=--\1\b)")  # once by absl, once by our own check


def answer(error: Exception) -> str:
  """The words of an error of flags: a flag that is needed says what it is; none is named twice."""
  text = _MISSING.sub(lambda found: f"--{found[1]} is needed: {flags.FLAGS[found[1]].help}",
                      str(error))
  return _TWICE.sub("", text)
