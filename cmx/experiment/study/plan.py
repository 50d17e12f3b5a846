"""The plan of a study: which runs there are, and where they lie.

  <workdir>/seed_<s>/<row>                   as of an experiment: its folder can be gone on with
  <workdir>/<field>=<value>/seed_<s>/<row>   where a swept value changes the row's run
  <workdir>/trials/...                       the same of trials on held-out training examples
  .../seed_<s>/reference[_<hash>]            reference networks, shared by all that start from them
"""

import dataclasses
import hashlib
import itertools
import pathlib
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cmx import config as config_lib
from cmx import fields
from cmx import methods
from cmx.experiment import reproduce

_OWN_FLAGS = ("method", "rows", "seed", "data.holdout")

Ladder = tuple[str, list[Any]]  # dotted field, values
Values = Mapping[str, Any]  # {dotted field: value}


class Cell(NamedTuple):
  """One run of a study.

  Attributes:
    value: "field=value" of the sweep; "" where nothing is swept.
    config: of the run, with the `rows` that its reference network reads.
    folder: of the run; cells whose runs are the same share it.
    reference: folder of its reference network.
  """

  value: str
  config: config_lib.Config
  folder: pathlib.Path
  reference: pathlib.Path

  @property
  def row(self) -> str:
    return self.config.method

  @property
  def seed(self) -> int:
    return self.config.seed

  def __str__(self) -> str:
    return ", ".join(filter(None, (self.row, f"seed {self.seed}", self.value)))


def parse(config: config_lib.Config, text: str) -> Ladder:
  """A ladder "field=v1,v2,...": the dotted field and its values, typed like the config's own.

  A tuple is written with plus signs, e.g. mixture.layers=fc6+fc7,fc7.

  Raises:
    ValueError: if it is not of that form, the field does not exist or has a flag of its own, or a
      value is not of its type or comes twice.
  """
  field, equals, words = text.partition("=")
  if not equals or not words:
    raise ValueError(f"ladder {text!r}; expected field=value,value,...")
  if field in _OWN_FLAGS:
    raise ValueError(f"ladder {text!r}; {field} has a flag of its own: expected another field")
  several = isinstance(fields.field(config, field), tuple)
  values = [fields.parsed(config, field, word.split("+") if several else [word])
            for word in words.split(",")]
  for value in values:
    if values.count(value) > 1:
      raise ValueError(f"ladder {text!r} has {plain(value)!r} twice; expected different values")
  return field, values


def plain(value: Any) -> Any:
  """A value as it is printed: a tuple with plus signs."""
  return "+".join(map(str, value)) if isinstance(value, tuple) else value


def points(ladders: Sequence[Ladder]) -> list[Values]:
  """What a sweep changes: one value of one ladder at a time; nothing where there is no ladder."""
  return [{field: value} for field, values in ladders for value in values] or [{}]


def combinations(ladders: Sequence[Ladder]) -> list[Values]:
  """Every value of every ladder with every value of the others."""
  names = [field for field, _ in ladders]
  return [dict(zip(names, values)) for values in itertools.product(*(v for _, v in ladders))]


def label(changes: Values) -> str:
  """Values as they are printed: "field=value, field=value"."""
  return ", ".join(f"{field}={plain(value)}" for field, value in changes.items())


def cells(config: config_lib.Config, workdir: pathlib.Path, rows: Sequence[str], seeds: int,
          changes: Sequence[Values], chosen: Mapping[str, Values] | None = None) -> list[Cell]:
  """The runs of a study, seed by seed.

  Args:
    config: the base; its `rows` keep what differs between methods, but for what is changed here.
    workdir: that the runs lie below.
    rows: keys of methods.
    seeds: number of seeds, counted from the config's.
    changes: of the fields at each point of the sweep, as of `points`.
    chosen: {row: fields that it differs in from the config, e.g. because they were tuned}.
  """
  found = []
  for seed in range(config.seed, config.seed + seeds):
    seeded = dataclasses.replace(config, seed=seed)
    home = reproduce.reference_config(seeded)
    for change in changes:
      for row in rows:
        base = _at(seeded, row, (chosen or {}).get(row, {}))
        own = _at(base, row, change)
        root = workdir if _matters(own) == _matters(base) else workdir / _quoted(change)
        run = base if root == workdir else own
        reference = reproduce.reference_config(run)
        name = reproduce.REFERENCE + ("" if reference == home else f"_{_hash(reference)}")
        found.append(Cell(label(change), run, root / f"seed_{seed}" / row,
                          workdir / f"seed_{seed}" / name))
  return found


def _at(config: config_lib.Config, row: str, change: Values) -> config_lib.Config:
  """The row's config with fields changed: what `rows` says of these fields yields."""
  own = {**config.rows.get(row, {}), **change}
  changed = fields.replace(config, dict(change))
  return fields.for_method(dataclasses.replace(changed, rows={**config.rows, row: own}), row)


def _matters(config: config_lib.Config) -> config_lib.Config:
  """The config with defaults in what its row does not read: equal where the runs are the same."""
  method = methods.named(config.method)
  if not method.terms and not method.normalised:
    config = dataclasses.replace(config, alignment=config_lib.Alignment())
  if not method.statistics:
    config = dataclasses.replace(config, mixture=config_lib.Mixture())
  return dataclasses.replace(config, rows={})


def _hash(config: config_lib.Config) -> str:
  return hashlib.sha256(fields.to_json(config).encode()).hexdigest()[:10]


def _quoted(change: Values) -> str:
  return urllib.parse.quote(label(change).replace(", ", ","), safe="=+,")
