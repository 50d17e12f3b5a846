"""Budgets: hours by operations or by input, whichever takes longer; text and JSON of all."""

import json

import pytest

from cmx.experiment import budget
from cmx.experiment import cost
from cmx.runtime import devices

GB = 10**9


def phase(**changes):
  return cost.Phase(**{"frozen": (), "steps": 1_000, "trained": 10**6, "state": 3 * GB, "batch": GB,
                       "activations": 4 * GB, "gradient": 2 * GB, "sums": GB, "flops": 312e9,
                       **changes})


def plan(*phases, **changes):
  row = cost.Row("c", "C", 10**6, 160, 2 * 10**6, phases or (phase(),))
  return budget.Plan(**{"rows": (row, row._replace(method="a", name="A")), "devices": 2,
                        "utilisation": 0.5, "disk": 1.5 * GB, **changes})


def test_memory_is_the_most_that_is_there_at_once():
  assert phase().memory == 3 * GB + GB + 2 * GB + GB + 4 * GB
  assert phase(activations=0).memory == 3 * GB + GB + 2 * GB + GB + 2 * GB  # the gradient's mean


def test_hours_follow_from_operations_peak_and_utilisation():
  found = plan()
  assert found.seconds("A100", found.rows[0]) == pytest.approx(2.0)  # 1,000 x 312 GFLOP at 156 T
  assert found.flops == 2 * 2 * 1_000 * 312e9 and found.examples == 2 * 160 * 1_000


def test_input_that_takes_longer_decides():
  found = plan(fed=16_000.0)
  assert found.seconds("A100", found.rows[0]) == pytest.approx(10.0)
  assert "fed 16,000 examples/s" in budget.to_text(found)


def test_every_kind_has_a_peak():
  assert all(kind.known_as in devices.PEAK_FLOPS for kind in budget.KINDS.values())


def test_the_text_has_a_line_for_each_row_and_kind():
  text = budget.to_text(plan(assumed=("DSC as 4,800 numbers",)))
  lines = {line.split("  ")[0]: line for line in text.splitlines()}
  assert "Assumed: DSC as 4,800 numbers." in text and "2 device(s) at 50 % of their peak" in text
  assert lines["C"].split()[1:] == ["1,000,000", "1,000,000", "3.00", "1.00", "3.00", "4.00",
                                    "11.00", "312.0", "1,000", "3.00,", "2", "s"]
  assert "yes" in lines["A100"] and "500.0 to 500.0" in lines["A100"] and "80,000" in lines["A100"]
  assert "compiler" not in text
  assert "no" in budget.to_text(plan(phase(state=90 * GB))).split("A100")[1].split()[:3]


def test_the_compiler_s_figure_stands_beside_ours_where_it_was_asked():
  text = budget.to_text(plan(phase(compiled=12 * GB)))
  assert "compiler" in text and " 12.00 " in text


def test_json_has_every_number():
  content = json.loads(json.dumps(budget.to_json(plan())))
  assert content["rows"][0]["memory"] == 11 * GB and content["fed"] is None
  assert content["rows"][0]["phases"][0]["flops"] == 312e9
  assert content["rows"][0]["seconds"]["A100"] == pytest.approx(2.0)
