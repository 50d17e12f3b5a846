import pytest

from cmx import paper


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
