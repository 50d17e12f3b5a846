"""The flag that says where compiled programs are kept."""

import pathlib

from absl import flags
from absl import logging

from cmx.files import paths

CACHE = flags.DEFINE_string(
  "compilation_cache", "~/.cache/cmx/xla",
  "Folder of compiled programs, shared by all runs; '' for none.")


def keep() -> None:
  """Keeps what is compiled from now on; without a home, or where it is not one's own, says so.

  Raises:
    ValueError: if a folder was asked for and nothing can be written there.
  """
  if not CACHE.value:
    return
  import jax
  try:
    folder = paths.own(f"--{CACHE.name}", CACHE.value)
    paths.check_folder(f"--{CACHE.name}", pathlib.Path(folder))
  except ValueError as error:
    if CACHE.present:
      raise
    logging.warning("compiled programs are not kept: %s", error)
    return
  jax.config.update("jax_compilation_cache_dir", folder)
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
