"""Rendering in worker processes, results in order, no more ahead than the reader keeps up with."""

import collections
import concurrent.futures
import multiprocessing
import os
import threading
from collections.abc import Iterator
from typing import Any

from cmx.data.sets.rendered_world import examples
from cmx.runtime import cores
from cmx.runtime import progress
from cmx.runtime import signals

_CHUNK = 96  # examples a task
_ALONE = 1500  # examples up to which starting workers takes longer than they save


class Pool:
  """Renders examples: `with Pool(total) as pool: for record in pool.records(...)`."""

  def __init__(self, total: int, done: int = 0):
    """Args: total: examples of the whole work; done: of these, those that need no rendering."""
    self._done = done
    self._line = progress.Progress("rendering the world", total, "examples", done)
    self._workers = None
    if total - done > _ALONE:
      self._workers = concurrent.futures.ProcessPoolExecutor(
        cores.count(), multiprocessing.get_context("spawn"), _end_with_parent)

  def __enter__(self) -> "Pool":
    self._line.__enter__()
    return self

  def __exit__(self, *exception):
    if self._workers:
      self._workers.shutdown(wait=True, cancel_futures=True)
    self._line.__exit__(*exception)

  def records(self, seed: int, modality: str, split: str, count: int,
              image_size: int) -> Iterator[dict[str, Any]]:
    """The first `count` records of a modality's split, in order; see `examples.chunk`."""
    tasks = ((seed, modality, split, start, min(start + _CHUNK, count), image_size)
             for start in range(0, count, _CHUNK))
    for records in self._chunks(tasks):
      for record in records:
        self._done += 1
        self._line.update(self._done, f"{modality} {split}")
        yield record

  def _chunks(self, tasks: Iterator[tuple]) -> Iterator[list[dict[str, Any]]]:
    if self._workers is None:
      yield from (examples.chunk(*task) for task in tasks)
      return
    ahead: collections.deque[concurrent.futures.Future] = collections.deque()
    while True:
      while len(ahead) < 3 * cores.count() and (task := next(tasks, None)):
        with signals.kept_from_children():
          ahead.append(self._workers.submit(examples.chunk, *task))
      if not ahead:
        return
      yield ahead.popleft().result()


def _end_with_parent() -> None:
  """Workers of a killed parent would wait for tasks for ever."""
  signals.ignore()

  def watch():
    multiprocessing.parent_process().join()
    os._exit(1)
  threading.Thread(target=watch, daemon=True).start()
