"""Work in pieces, here or on Beam: each is done whole or not at all, and a stopped run goes on.

A piece is a name; its result is `<folder>/<name>.done.json`, written last. On Beam every worker has
to see the same folder.
"""

import json
import pathlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

from cmx.files import writing
from cmx.runtime import progress

_WATCHED_SECONDS = 1.0  # between two looks at what Beam's workers have done
_HINT = ("preparing on Beam needs apache-beam: pip install 'cmx[beam]', or leave the option out: "
         "one process does it as well")


def done(folder: pathlib.Path, name: str) -> dict[str, Any] | None:
  """The result of a piece; None where it is not done."""
  path = folder / f"{name}.done.json"
  return json.loads(path.read_text()) if path.exists() else None


def finish(folder: pathlib.Path, name: str, result: dict[str, Any]) -> None:
  """Keeps the result of a piece, which makes it done."""
  writing.write_text(folder / f"{name}.done.json", json.dumps(result))


def run(folder: pathlib.Path, sizes: dict[str, int],
        work: Callable[[str, Callable[[int], None]], None], what: str,
        beam_options: Any = None, beam_runner: Any = None) -> None:
  """Does all pieces that are not done.

  Args:
    folder: of the results.
    sizes: examples of each piece, by name, in the order in which they are done.
    work: does a piece; gets its name, and a function to call with the number of examples it has
      worked off since the last call. A module's function, so that Beam's workers find it.
    what: name of it all, for the line of progress.
    beam_options: Beam's pipeline options; with them, or a runner, it runs on Beam.
    beam_runner: Beam's runner, if not by options.
  """
  left = [name for name in sizes if done(folder, name) is None]
  before = sum(sizes.values()) - sum(sizes[name] for name in left)
  with progress.Progress(what, sum(sizes.values()), "examples", before) as line:
    if beam_options is None and beam_runner is None:
      _here(left, work, before, line)
    else:
      _on_beam(folder, sizes, left, work, line, beam_options, beam_runner)


def _here(left: Sequence[str], work: Callable[..., None], before: int,
          line: progress.Progress) -> None:
  total = before

  def count(number: int) -> None:
    nonlocal total
    total += number
    line.update(total)

  for name in left:
    work(name, count)


def _on_beam(folder: pathlib.Path, sizes: dict[str, int], left: Sequence[str],
             work: Callable[..., None], line: progress.Progress, options: Any,
             runner: Any) -> None:
  beam = module()
  over = threading.Event()

  def watch() -> None:
    while not over.wait(_WATCHED_SECONDS):
      line.update(sum(size for name, size in sizes.items()
                      if (folder / f"{name}.done.json").exists()))

  watcher = threading.Thread(target=watch, daemon=True)
  watcher.start()
  try:
    with beam.Pipeline(runner=runner, options=options) as pipeline:
      _ = (pipeline | "Names" >> beam.Create(list(left)) | "Spread" >> beam.Reshuffle()
           | "Write" >> beam.Map(work, _uncounted))
  finally:
    over.set()
    watcher.join()


def _uncounted(number: int) -> None:
  """What is done is seen by its results."""


def options(flags: Sequence[str]) -> Any:
  """Beam's pipeline options from flags such as "--runner=FlinkRunner"; None for no flags.

  Raises:
    ValueError: if a flag does not begin with --.
    ModuleNotFoundError: if Beam is not installed; the message says how to get it.
  """
  if not flags:
    return None
  wrong = [flag for flag in flags if not flag.startswith("--")]
  if wrong:
    raise ValueError(f"Beam's option {wrong[0]!r}; expected --name=value, e.g. "
                     f"--runner=DirectRunner")
  module()
  from apache_beam.options import pipeline_options
  return pipeline_options.PipelineOptions(list(flags))


def module() -> Any:
  """Beam. Raises ModuleNotFoundError that says how to get it."""
  try:
    import apache_beam  # an extra: one process does it as well
  except ImportError as error:
    raise ModuleNotFoundError(_HINT) from error
  return apache_beam
