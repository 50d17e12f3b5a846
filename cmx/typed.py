"""A config by dotted name, and as JSON: every value checked against its field's type."""

import dataclasses
import types
import typing
from typing import Any


def from_dict(tree: dict[str, Any], cls: type) -> Any:
  """An instance of the dataclass `cls` from nested dicts; lists become tuples as the field says.

  Raises:
    ValueError: if a key is not a field, with the fields in the message, or if a value is not of its
      type.
  """
  hints = typing.get_type_hints(cls)
  if not isinstance(tree, dict):
    raise ValueError(f"{cls.__name__} {tree!r}; expected fields {', '.join(hints)}")
  unknown = sorted(set(tree) - set(hints))
  if unknown:
    raise ValueError(f"{cls.__name__} has no field {unknown[0]!r}; expected {', '.join(hints)}")
  return cls(**{key: _typed(f"{cls.__name__}.{key}", value, hints[key])
                for key, value in tree.items()})


def _typed(name: str, value: Any, hint: Any) -> Any:
  """The value as a field of that type has it; JSON has dicts for sections and lists for tuples."""
  if dataclasses.is_dataclass(hint):
    return from_dict(value, hint)
  origin = typing.get_origin(hint)
  if origin is tuple and isinstance(value, (list, tuple)):
    return tuple(_typed(name, member, typing.get_args(hint)[0]) for member in value)
  plain = hint if origin in (None, types.UnionType) else origin
  number = isinstance(value, int) and hint is float
  if not (isinstance(value, plain) or number) or (isinstance(value, bool) and hint is not bool):
    raise ValueError(f"{name} {value!r}; expected a value of type "
                     f"{hint.__name__ if origin is None else hint}")
  return value


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
  """Leaves of nested dicts by dotted name, in the order of the dicts."""
  parts = (flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
           for key, value in tree.items())
  return {name: value for part in parts for name, value in part.items()}
