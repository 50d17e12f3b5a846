import os
import subprocess
import sys

import pytest

from cmx.runtime import cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no list of cores on this system")
def test_it_counts_the_cores_that_this_process_may_use():
  allowed = os.sched_getaffinity(0)
  try:
    os.sched_setaffinity(0, {min(allowed)})
    assert cores.count() == 1
  finally:
    os.sched_setaffinity(0, allowed)
  assert cores.count() == len(allowed)


@pytest.mark.parametrize("machine, expected", [(12, 12), (None, 1)])
def test_where_the_system_keeps_no_list_it_counts_those_of_the_machine(monkeypatch, machine,
                                                                      expected):
  monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
  monkeypatch.setattr(os, "cpu_count", lambda: machine)
  assert cores.count() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no list of cores on this system")
def test_processes_that_are_started_meanwhile_have_a_part_of_the_cores():
  mine = os.sched_getaffinity(0)
  ask = [sys.executable, "-c", "from cmx.runtime import cores; print(cores.count())"]
  with cores.lent({min(mine)}):
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout == "1\n"
  assert os.sched_getaffinity(0) == mine
  with cores.lent(set()):
    assert os.sched_getaffinity(0) == mine


@pytest.mark.parametrize("number, expected", [
  (1, [{2, 3, 5, 7, 8}]), (2, [{2, 3}, {5, 7}]), (5, [{2}, {3}, {5}, {7}, {8}]),
  (6, [{2}, {3}, {5}, {7}, {8}, {2}])])
def test_cores_are_shared_out_in_equal_parts(monkeypatch, number, expected):
  monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 3, 5, 7, 8}, raising=False)
  assert cores.parts(number) == expected
  monkeypatch.delattr(os, "sched_getaffinity")
  assert cores.parts(number) == [set()] * number
