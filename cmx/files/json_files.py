"""Reads JSON files that cmx has written; one that is cut or changed is named, with what to do."""

import json
import pathlib
from typing import Any


def read(path: pathlib.Path, remedy: str, *keys: str) -> Any:
  """What a JSON file holds.

  Args:
    path: of the file.
    remedy: what to do where it is damaged, as in "remove it and run launch.evaluate again".
    *keys: that it must have.

  Raises:
    FileNotFoundError: if there is none.
    ValueError: if it is no whole JSON, or lacks a key; with file and remedy.
  """
  try:
    found = json.loads(path.read_text(encoding="utf-8"))
  except (ValueError, RecursionError) as error:  # of JSON, and of what is no text
    raise ValueError(f"{path} is damaged or cut off ({error}); {remedy}") from error
  missing = [key for key in keys if not isinstance(found, dict) or key not in found]
  if missing:
    raise ValueError(f"{path} has no {missing[0]!r}; {remedy}")
  return found
