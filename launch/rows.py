"""The flag that names the rows of a table."""

from collections.abc import Sequence

from absl import flags

from cmx import methods
from launch import typed


def define(default: Sequence[str]) -> flags.FlagHolder:
  """Defines --rows, keys of methods; what cannot be in a table is refused with the flags."""
  flags.disclaim_key_flags()  # the flag belongs to the entry point
  holder = typed.words("rows", list(default), f"Methods, among {', '.join(methods.METHODS)}.")
  flags.register_validator("rows", lambda given: typed.passes(methods.check_rows, given))
  return holder
