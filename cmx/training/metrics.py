"""Metrics of a run: one JSON object a line, and TensorBoard events where asked."""

import json
import pathlib
from collections.abc import Mapping

from cmx.files import manifest
from cmx.files import writing


_NAME = "metrics.jsonl"
_AGAIN = "Its lines are lost: train again in another folder, or go on without learning curves"


def read(workdir: pathlib.Path) -> list[dict[str, float]]:
  """The lines of a run, [] where it has none; a last one that is cut off is left out.

  Raises:
    manifest.Damaged: if the run is over and they are not as it has left them.
  """
  path, lines = workdir / _NAME, []
  manifest.check(manifest.beside(path))
  for line in path.read_text().splitlines() if path.exists() else ():
    try:
      lines.append(json.loads(line))
    except ValueError:  # cut by a kill
      continue
  return lines


def seal(workdir: pathlib.Path) -> None:
  """Writes the manifest of the metrics, once the run is over."""
  manifest.seal(manifest.beside(workdir / _NAME), _AGAIN, [workdir / _NAME])


class Writer:
  """Appends to `workdir/metrics.jsonl`; on resume, lines after the resumed step are dropped."""

  def __init__(self, workdir: pathlib.Path, done: int, tensorboard: bool):
    self._events = _events(workdir, done) if tensorboard else None
    path = workdir / _NAME
    manifest.lift(manifest.beside(path))
    if path.exists():
      lines = [line for line in path.read_text(errors="replace").splitlines()
               if _step(line, done + 1) <= done]
      writing.write_text(path, "".join(line + "\n" for line in lines))
    self._file = path.open("a")

  def __enter__(self) -> "Writer":
    return self

  def __exit__(self, *exception):
    self._file.close()
    if self._events:
      self._events.close()

  def write(self, step: int, values: Mapping[str, float]) -> None:
    """One line for a step."""
    rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
    self._file.write(json.dumps({"step": step, **rounded}) + "\n")
    self._file.flush()
    if self._events:
      for name, value in values.items():
        self._events.add_scalar(name, value, step)


def _step(line: str, otherwise: int) -> int:
  try:
    return int(json.loads(line)["step"])
  except (ValueError, KeyError):  # a line cut by a kill
    return otherwise


def _events(workdir: pathlib.Path, done: int):
  try:
    import tensorboardX
  except ImportError as error:
    raise ValueError("log.tensorboard needs tensorboardX: pip install 'cmx[explore]'") from error
  return tensorboardX.SummaryWriter(str(workdir / "tensorboard"), purge_step=done + 1)
