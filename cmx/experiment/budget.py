"""A budget: rows of a table, their cost and how long kinds of devices take, as text and JSON."""

import math
from typing import Any, NamedTuple

from cmx.experiment import cost
from cmx.files import grids
from cmx.runtime import devices
from cmx.runtime import progress


class Kind(NamedTuple):
  """A kind of device: its name in `devices.PEAK_FLOPS`, and its memory in bytes."""

  known_as: str
  memory: int


KINDS = {"A100": Kind("NVIDIA A100", 80 * 2**30), "H100": Kind("NVIDIA H100", 80 * 2**30),
         "TPU v5e": Kind("TPU v5 lite", 16 * 2**30)}


class Plan(NamedTuple):
  """How the rows of a table are trained.

  Attributes:
    rows: as of `cost.row`, the reference network first.
    devices: that divide a batch.
    utilisation: share of a device's peak that is reached.
    disk: bytes a second that a checkpoint is written with.
    fed: examples a second that all hosts together read, decode and vary; infinity for enough.
    assumed: what was taken for granted, in words.
  """

  rows: tuple[cost.Row, ...]
  devices: int
  utilisation: float
  disk: float
  fed: float = math.inf
  assumed: tuple[str, ...] = ()

  @property
  def flops(self) -> float:
    """Of everything, on all devices."""
    return self.devices * sum(row.flops for row in self.rows)

  @property
  def examples(self) -> int:
    """Of everything, over all modalities."""
    return sum(row.examples * row.steps for row in self.rows)

  def seconds(self, kind: str, row: cost.Row) -> float:
    """Of a row on devices of a kind, or of its input if that takes longer."""
    computed = row.flops / (devices.PEAK_FLOPS[KINDS[kind].known_as] * self.utilisation)
    return max(computed, row.examples * row.steps / self.fed)


def to_text(plan: Plan) -> str:
  """The plan as two tables: rows with the memory of a device, and kinds of devices."""
  lines = ["Computed from shapes; nothing is measured. GB = 10^9 bytes, memory of each of "
           f"{plan.devices} device(s).", *(f"Assumed: {words}." for words in plan.assumed), ""]
  compiled = any(phase.compiled for row in plan.rows for phase in row.phases)
  heads = ["row", "parameters", "trained", "state", "batch", "gradient", "kept", "memory GB",
           *(["compiler"] if compiled else []), "GFLOP a step", "steps", "checkpoint"]
  lines += grids.columns([heads, *(_of_row(row, plan, compiled) for row in plan.rows)])
  fed = "" if math.isinf(plan.fed) else f", fed {plan.fed:,.0f} examples/s"
  lines += ["kept: of the forward pass for the backward pass, or the gradient's mean if larger.",
            f"checkpoint: GB, and seconds at {plan.disk / 1e6:,.0f} MB/s.", "",
            f"Everything: {plan.flops / 1e15:,.1f} PFLOP and {plan.examples / 1e6:,.1f} million "
            f"examples. {plan.devices} device(s) at {100 * plan.utilisation:.0f} % of their "
            f"peak{fed}:", ""]
  heads = ["device", "peak TFLOP/s", "memory GB", "fits", "steps/s", "examples/s", "MB/s",
           "reference", "rows", "everything"]
  lines += grids.columns([heads, *(_of_kind(kind, plan) for kind in KINDS)])
  lines.append("peak: dense bfloat16. examples/s, MB/s: decoded input of the row that takes most.")
  return "\n".join(lines)


def _of_row(row: cost.Row, plan: Plan, compiled: bool) -> list[str]:
  phase = max(row.phases, key=lambda phase: phase.memory)
  kept = max(phase.activations, phase.gradient)
  sizes = (phase.state, phase.batch, phase.gradient + phase.sums, kept, phase.memory)
  said = [f"{phase.compiled / 1e9:.2f}"] if compiled else []
  return [row.name, f"{row.parameters:,}", f"{phase.trained:,}",
          *(f"{size / 1e9:.2f}" for size in sizes), *said, f"{row.flops / row.steps / 1e9:,.1f}",
          f"{row.steps:,}",
          f"{row.checkpoint / 1e9:.2f}, {progress.duration(row.checkpoint / plan.disk)}"]


def _of_kind(kind: str, plan: Plan) -> list[str]:
  peak, memory = devices.PEAK_FLOPS[KINDS[kind].known_as], KINDS[kind].memory
  seconds = [plan.seconds(kind, row) for row in plan.rows]
  rates = [row.steps / spent for row, spent in zip(plan.rows, seconds)]
  fits = all(row.memory < memory for row in plan.rows)
  times = (seconds[0], sum(seconds[1:]), sum(seconds))
  return [kind, f"{peak / 1e12:,.0f}", f"{memory / 1e9:.0f}", "yes" if fits else "no",
          f"{min(rates):,.1f} to {max(rates):,.1f}",
          f"{max(rate * row.examples for rate, row in zip(rates, plan.rows)):,.0f}",
          f"{max(rate * row.input for rate, row in zip(rates, plan.rows)) / 1e6:,.0f}",
          *(progress.duration(spent) for spent in times)]


def to_json(plan: Plan) -> dict[str, Any]:
  """All numbers by name; bytes, seconds and operations."""
  return {
    "devices": plan.devices, "utilisation": plan.utilisation,
    "fed": None if math.isinf(plan.fed) else plan.fed, "assumed": list(plan.assumed),
    "flops": plan.flops,
    "rows": [{**row._asdict(), "memory": row.memory, "checkpoint": row.checkpoint,
              "seconds": {kind: plan.seconds(kind, row) for kind in KINDS},
              "phases": [{**phase._asdict(), "memory": phase.memory} for phase in row.phases]}
             for row in plan.rows]}
