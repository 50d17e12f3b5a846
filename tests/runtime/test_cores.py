import os

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
