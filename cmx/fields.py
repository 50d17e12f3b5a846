"""A config by dotted name, and as JSON: every value checked against its field's type and limits."""

import ast
import dataclasses
import json
import shlex
import types
import typing
from collections.abc import Collection, Sequence
from typing import Any

from cmx import config as config_lib
from cmx.config import limits

_YES_OR_NO = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


def from_dict(tree: dict[str, Any], cls: type) -> Any:
  """An instance of the dataclass `cls` from nested dicts; lists become tuples as the field says.

  Fields of `config.FORMER` are left out.

  Raises:
    ValueError: if a key is not a field, with the fields in the message, or if a value is not of its
      type.
  """
  hints = typing.get_type_hints(cls)
  if not isinstance(tree, dict):
    raise ValueError(f"{cls.__name__} {tree!r}; expected fields {', '.join(hints)}")
  former = config_lib.FORMER.get(cls.__name__, frozenset()) - set(hints)
  tree = {key: value for key, value in tree.items() if key not in former}
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


def check_limits(config: config_lib.Config, names: Collection[str] | None = None) -> None:
  """Checks values of a config against their field's limit: numbers, and words of a few.

  Args:
    config: to be checked.
    names: dotted fields that are; all where None.

  Raises:
    ValueError: if one is beyond it; with the field, its value and what is expected.
  """
  for name, value in flat(dataclasses.replace(config, rows={})).items():
    untrained = name == "reference.steps" and config.weights.file  # with 0 steps
    allowed = limits.OF_TYPE[int] if untrained else limit(name)
    members = value if isinstance(value, tuple) else (value,)
    for member in members if names is None or name in names else ():
      if allowed and not allowed.holds(member):
        raise ValueError(f"config.{name} {value!r}; expected {allowed.words}")


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
  """Leaves of nested dicts by dotted name, in the order of the dicts."""
  parts = (flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
           for key, value in tree.items())
  return {name: value for part in parts for name, value in part.items()}


def replace(config: config_lib.Config, changes: dict[str, Any]) -> config_lib.Config:
  """A copy of `config` with dotted fields changed, e.g. {"alignment.weight": 0.1}.

  Raises ValueError if a field does not exist or a value is not of its type."""
  tree = dataclasses.asdict(config)
  for name, value in changes.items():
    field(config, name)
    *parents, leaf = name.split(".")
    node = tree
    for parent in parents:
      node = node[parent]
    node[leaf] = value
  return from_dict(tree, config_lib.Config)


def field(config: config_lib.Config, name: str) -> Any:
  """The value of a dotted field, e.g. "alignment.weight".

  Raises ValueError if there is none, or it is a section; the message lists those there are."""
  node = config
  for part in name.split("."):
    known = [f.name for f in dataclasses.fields(node)] if dataclasses.is_dataclass(node) else []
    if part not in known:
      raise ValueError(f"config has no field {name!r}; {part!r} is not among "
                       f"{', '.join(known) or 'nothing'}")
    node = getattr(node, part)
  if dataclasses.is_dataclass(node):
    raise ValueError(f"config.{name} is a section; expected one of its fields "
                     f"{', '.join(f.name for f in dataclasses.fields(node))}")
  return node


def parsed(config: config_lib.Config, name: str, words: Sequence[str]) -> Any:
  """The value of a dotted field from the words of a command line.

  A field of several values takes "a,b", "('a', 'b')" and several words; another takes the last one.

  Raises:
    ValueError: if the field does not exist or a word is not of its type; with field and word.
  """
  field(config, name)
  hint = _hint(name)
  if typing.get_origin(hint) is tuple:
    kind = typing.get_args(hint)[0]
    return tuple(_of_word(name, member, kind)
                 for word in words for member in members(f"config.{name}", word))
  return _of_word(name, words[-1], hint)


def _hint(name: str, extras: bool = False) -> Any:
  """The type of a dotted field, which exists; with what is said beside it where `extras`."""
  hint: Any = config_lib.Config
  for part in name.split("."):
    hint = typing.get_type_hints(hint, include_extras=extras)[part]
  return hint


def members(name: str, word: str) -> list[str]:
  """The members of "a,b", or of the same as Python writes it; none of an empty word.

  Raises:
    ValueError: if one is empty, or brackets and quotes are not in pairs; `name` is whose they are.
  """
  if word.strip().startswith(("(", "[", "'", '"')):
    try:
      literal = ast.literal_eval(word.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
      raise ValueError(f"{name} {word!r}; expected values as in a,b or ('a', 'b')"
                       ) from error
    several = literal if isinstance(literal, (tuple, list)) else (literal,)
    return [str(member) for member in several]
  members = [part.strip() for part in word.split(",")] if word.strip() else []
  if "" in members:
    raise ValueError(f"{name} {word!r} has an empty member; expected values as in a,b")
  return members


def _of_word(name: str, word: str, kind: Any) -> Any:
  if kind not in (bool, int, float, str):
    raise ValueError(f"config.{name} is no single value; expected it in a config file")
  try:
    return _YES_OR_NO[word.strip().lower()] if kind is bool else kind(word)
  except (KeyError, ValueError):
    choices = f", one of {', '.join(_YES_OR_NO)}" if kind is bool else ""
    raise ValueError(f"config.{name} {word!r}; expected a value of type {kind.__name__}"
                     f"{choices}") from None


def paths(config: config_lib.Config) -> dict[str, str]:
  """Fields that hold a file or folder, with their values."""
  return {name: value for name, value in flat(dataclasses.replace(config, rows={})).items()
          if _hint(name, extras=True) is config_lib.Path}


def limit(name: str) -> limits.Limit | None:
  """What a dotted field must be, as its type says, or that of its members; None where anything."""
  hint = _hint(name, extras=True)
  of = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
  return next((said for said in getattr(of, "__metadata__", ())
               if isinstance(said, limits.Limit)), limits.OF_TYPE.get(of))


def for_method(config: config_lib.Config, method: str) -> config_lib.Config:
  """The config of one row: `rows[method]` holds the dotted fields in which the row differs."""
  rows = config.rows
  changes = {"method": method, **rows.get(method, {})}
  return dataclasses.replace(replace(dataclasses.replace(config, rows={}), changes), rows=rows)


def batches(config: config_lib.Config, processes: int = 1) -> list[int]:
  """Examples of all that devices divide in training: batches of every row, or parts of them.

  Args:
    config: of an experiment.
    processes: that share each.
  """
  rows = [config, *(for_method(config, row) for row in config.rows)]
  return [*(settings.batch // max(settings.accumulate, 1) // processes
            for row in rows for settings in (row.reference, row.optimizer)),
          *[config.shards // processes] * config.deterministic]


def to_json(config: config_lib.Config) -> str:
  """Config as JSON text, keys in the order of the fields."""
  return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(text: str) -> config_lib.Config:
  """Config from `to_json`'s text. Raises ValueError for fields that do not exist."""
  return from_dict(json.loads(text), config_lib.Config)


def difference(ours: config_lib.Config, theirs: config_lib.Config) -> list[str]:
  """Fields in which two configs differ, as "field: ours | theirs"; empty where they are equal."""
  a, b = flat(ours), flat(theirs)
  return [f"{name}: {a.get(name)!r} | {b.get(name)!r}"
          for name in {**a, **b} if a.get(name) != b.get(name)]


def flat(config: config_lib.Config) -> dict[str, Any]:
  """Values by dotted field, in the order of the fields."""
  return flatten(dataclasses.asdict(config))


def as_flags(config: config_lib.Config, given: Collection[str] = (),
             but: Collection[str] = ()) -> str:
  """The flags by which a config differs from the default one, to be pasted into a shell.

  What its `rows` say has no flags. Fields that are `given` have one at their default, too; those
  of `but` have none.
  """
  plain = flat(config_lib.Config())
  told = {name: ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
          for name, value in flat(dataclasses.replace(config, rows={})).items()
          if (value != plain[name] or name in given) and name not in but}
  return " ".join(f"--config.{name}={shlex.quote(value)}" for name, value in told.items())
