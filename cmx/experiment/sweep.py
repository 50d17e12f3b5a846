"""Sweeps: the same rows at several values of one field.

For tuning (with `data.holdout`, so that validation is never tuned on) and for finding where a
method begins to pay. Points that differ only in how rows are trained share one reference network.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from cmx import config as config_lib
from cmx import fields
from cmx.data import opening
from cmx.evaluation import evaluate
from cmx.experiment import preflight
from cmx.experiment import reproduce
from cmx.experiment import sweep_points

_OWN_FLAGS = ("method", "rows", "seed")


def parse(config: config_lib.Config, text: str) -> tuple[str, list[Any]]:
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
    raise ValueError(f"ladder {text!r}; {field} is not swept: expected --rows and --seeds for it")
  like = fields.field(config, field)
  values = [_typed(field, like, word) for word in words.split(",")]
  for value in values:
    if values.count(value) > 1:
      raise ValueError(f"ladder {text!r} has {_plain(value)!r} twice; expected different values")
  return field, values


def _typed(field: str, like: Any, word: str) -> Any:
  if isinstance(like, tuple):
    return tuple(_typed(field, like[0] if like else "", part) for part in word.split("+"))
  kind = type(like)
  try:
    return {"true": True, "false": False}[word.lower()] if kind is bool else kind(word)
  except (KeyError, TypeError, ValueError) as error:
    raise ValueError(f"{field}={word}; expected a value of type {kind.__name__}") from error


def run(config: config_lib.Config, workdir: pathlib.Path, rows: Sequence[str], seeds: int,
        ladders: Sequence[tuple[str, Sequence[Any]]]) -> list[sweep_points.Point]:
  """Trains and evaluates every row at every value of every ladder; the rest as in `config`.

  Args:
    config: the base; its `rows` keep what differs between methods, but for the ladder's field.
    workdir: of the sweep; runs and reference networks go below it, and what is there is not redone.
    rows: keys of methods.
    seeds: number of seeds, counted from the config's.
    ladders: (dotted field, values).

  Returns:
    A point for each value, row and seed.

  Raises:
    ValueError: as `preflight.check_rows` for any of the values, before anything is trained.
  """
  for field, values in ladders:
    for value in values:
      preflight.check_rows(_at(config, field, value, rows), rows)
  points = []
  for field, values in ladders:
    for value in values:
      for seed in range(config.seed, config.seed + seeds):
        changed = dataclasses.replace(_at(config, field, value, rows), seed=seed)
        for row in rows:
          result = _result(fields.for_method(changed, row), workdir)
          points.append({"field": field, "value": _plain(value), "method": row, "seed": seed,
                         **sweep_points.measures(result)})
  return points


def _at(config: config_lib.Config, field: str, value: Any,
        rows: Sequence[str]) -> config_lib.Config:
  """The config with a field at a value, for all rows: what a row says of that field yields."""
  changed = fields.replace(config, {field: value})
  own = {row: {**config.rows.get(row, {}), field: value} for row in rows}
  return dataclasses.replace(changed, rows={**config.rows, **own})


def _result(config: config_lib.Config, workdir: pathlib.Path) -> dict[str, Any]:
  folder = workdir / f"{config.method}_{_hash(dataclasses.replace(config, rows={}))}"
  if (folder / "result.json").exists():
    return json.loads((folder / "result.json").read_text())
  dataset = opening.open_data(config).encoded
  reference = workdir / f"reference_{_hash(reproduce.reference_config(config))}"
  trained = reproduce.train_row(config, dataset, folder, reference)
  return evaluate.evaluate(trained, dataset, folder)


def _hash(config: config_lib.Config) -> str:
  return hashlib.sha256(fields.to_json(config).encode()).hexdigest()[:10]


def _plain(value: Any) -> Any:
  return "+".join(map(str, value)) if isinstance(value, tuple) else value
