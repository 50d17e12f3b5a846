"""The config that a command runs by: as asked for and, on a user's own folders, as is advised."""

import dataclasses
from typing import Any

from absl import flags

from cmx import config as config_lib
from launch import config_flag

ADVICE = flags.DEFINE_bool(
  "advice", True, "On your own folders, follow what launch.check advises wherever no flag says "
  "otherwise; --noadvice takes the config as it is.")


def config(rows: int = 0, seeds: int = 1, *, read: bool = True) -> config_lib.Config:
  """The config of a command; the first line that it says is the whole plan.

  Args:
    rows: of the table that will be made, for its minutes; 0 for no table.
    seeds: of the table.
    read: whether the command reads the data, through the plan's encoders.

  Raises:
    FileNotFoundError: if these lack package files; with the one command that gets them.
  """
  asked = config_flag.CONFIG.value
  found = plan(asked)
  if found is None:
    return asked
  from cmx.experiment import advice
  from cmx.runtime import hosts
  if hosts.is_first():
    for line in told(found, rows, seeds):
      print(line, flush=True)
  if read:
    advice.check_encoders(*found)
  return found[1].config


def plan(asked: config_lib.Config) -> Any:
  """Facts and `advice.Plan` of a user's folders; None for other data, or where none is wanted."""
  if not ADVICE.value or asked.data.name != "folders":
    return None
  from cmx.experiment import advice
  return advice.of_folders(asked, config_flag.GIVEN)


def readable(found: Any, asked: config_lib.Config) -> config_lib.Config:
  """The plan's config, or `asked` where there is none; reads as asked what lacks package files."""
  if found is None:
    return asked
  planned = found[1].config
  if to_get(found):
    planned = dataclasses.replace(planned, data=asked.data, encoders=asked.encoders)
  return planned


def told(found: Any, rows: int, seeds: int) -> list[str]:
  """The plan as lines, the first of which says all of it; reasons where there is to be a table."""
  if found is None:
    return []
  from cmx.experiment import advice
  line = f"Plan: {advice.in_words(*found)}"
  if not rows:
    return [line]
  return [f"{line}; {advice.size(*found, rows, seeds)}",
          *(f"  {reason}" for reason in advice.reasons(*found))]


def to_get(found: Any) -> list[str]:
  """The one command that gets what the plan lacks; [] where nothing is missing."""
  from cmx.experiment import advice
  return advice.to_get(found[0], found[1].config) if found else []
