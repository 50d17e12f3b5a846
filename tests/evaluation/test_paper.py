import pytest

from cmx.evaluation import paper


def test_the_papers_printed_means_are_the_means_of_its_cells():
  assert sum(len(row) for row in paper.TABLE.values()) == 168
  for method, row in paper.TABLE.items():
    # cells are rounded to 0.05 at most, so their mean is, and the printed mean once more
    assert 100 * paper.mean(method, paper.PAIRS) == pytest.approx(row[-1], abs=0.1 + 1e-9)
  assert paper.TABLE["A: Tune"][paper.PAIRS.index("NAT>DSC")] == 19.6
  assert paper.TABLE["C: Tune + StatReg (GMM)"][paper.PAIRS.index("DSC>NAT")] == 15.1
  assert sum(sum(row) for row in paper.TABLE.values()) == pytest.approx(1479.2)


def test_the_paper_says_nothing_of_pairs_it_lacks():
  assert paper.mean("A: Tune", ["NAT>XYZ"]) is None
  assert paper.mean("A: Tune", []) is None
  assert paper.mean("ours", paper.PAIRS) is None


def test_the_papers_chance_is_that_of_its_validation_sets():
  assert paper.chance(["NAT>DSC"]) == pytest.approx(0.0084, abs=5e-5)  # its floor, 0.8 %
  assert paper.chance(["DSC>NAT"]) == pytest.approx(0.0053, abs=5e-5)
  both = (paper.chance(["NAT>DSC"]) + paper.chance(["DSC>NAT"])) / 2
  assert paper.chance(["NAT>DSC", "DSC>NAT"]) == pytest.approx(both)
