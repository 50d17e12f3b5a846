"""How much memory there is: the machine's, or less in a container."""

import math
import os

from cmx.runtime import memory


def test_it_is_the_machines_or_less_in_a_container(tmp_path):
  whole = memory.size(())
  assert 1 << 28 < whole < 1 << 50
  (tmp_path / "max").write_text("max\n")
  (tmp_path / "limit").write_text("1048576\n")
  assert memory.size((f"{tmp_path / 'max'}", f"{tmp_path / 'none'}")) == whole
  assert memory.size((f"{tmp_path / 'max'}", f"{tmp_path / 'limit'}")) == 1 << 20


def test_a_system_that_says_nothing_sets_no_limit(monkeypatch):
  monkeypatch.delattr(os, "sysconf")
  assert memory.size(()) == math.inf
