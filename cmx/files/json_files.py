"""JSON: objects whose keys come once each, and files that cmx has written, whole or refused."""

import json
import pathlib
from typing import Any

from cmx.files import text as text_lib

_SHOWN = 60  # characters of a key that a message quotes


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  """An object of JSON from its keys and values, for `json.loads(..., object_pairs_hook=unique)`.

  Raises:
    ValueError: if a key is there twice, of which Python would take the last without a word.
  """
  found = dict(pairs)
  if len(found) < len(pairs):
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(f"key {text_lib.shown(twice, _SHOWN)!r} is there twice; expected it once")
  return found


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
    content = json.loads(path.read_text(encoding="utf-8"))
  except (ValueError, RecursionError) as error:  # of JSON, and of what is no text
    raise ValueError(f"{path} is damaged or cut off ({error}); {remedy}") from error
  missing = [key for key in keys if not isinstance(content, dict) or key not in content]
  if missing:
    raise ValueError(f"{path} has no {missing[0]!r}; {remedy}")
  return content
