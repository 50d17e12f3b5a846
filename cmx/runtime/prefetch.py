"""Input made ahead in threads, so that devices never wait for it."""

import collections
import concurrent.futures
import time
from collections.abc import Callable, Iterator
from typing import Any

from cmx.runtime import cores


class Prefetch:
  """`make(step)` for steps [first, last) in order, made ahead in threads; use with `with`.

  Attributes:
    waited_s: seconds that the consumer has waited for input.
  """

  def __init__(self, make: Callable[[int], Any], first: int, last: int, *,
               workers: int | None = None):
    """Args: make: of a step; first, last: steps; workers: threads, half the cores up to 16 if None.
    """
    workers = workers or max(1, min(16, cores.count() // 2))
    self.waited_s = 0.0
    self._make, self._steps, self._depth = make, iter(range(first, last)), workers + 2
    self._pool = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="input")
    self._queue: collections.deque = collections.deque()

  def __enter__(self) -> "Prefetch":
    return self

  def __exit__(self, *exception):
    self._pool.shutdown(wait=True, cancel_futures=True)

  def __iter__(self) -> Iterator[Any]:
    while True:
      while len(self._queue) < self._depth and (step := next(self._steps, None)) is not None:
        self._queue.append((step, self._pool.submit(self._make, step)))
      if not self._queue:
        return
      step, future = self._queue.popleft()
      started = time.monotonic()
      try:
        item = future.result()
      except Exception as error:
        error.add_note(f"while reading the input of step {step}")
        raise
      self.waited_s += time.monotonic() - started
      yield item
