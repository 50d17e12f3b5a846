"""The picture of a study: what is drawn where."""

import pytest

from cmx.analysis import figures
from cmx.experiment.study import figure
import made_study

COLOUR = figures.COLOURS[0]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
  kept = []
  monkeypatch.setattr(figures, "write", lambda drawing, folder, name: kept.append(drawing))

  def draw(content, measures):
    figure.write(tmp_path, content, measures)
    return kept[-1].axes
  return draw


def dots(axis):
  """{place: (x, whether it is full)}."""
  return {line.get_ydata()[0]: (round(line.get_xdata()[0], 6),
                                line.get_markerfacecolor() == line.get_color())
          for line in axis.lines if line.get_marker() == "o"}


def test_rows_stand_below_each_other_with_means_and_differences(drawn):
  content = made_study.content()
  means, differences = drawn(content, ["mean"])
  rows = content["measures"]["mean"]["rows"]  # best first: at the top, which is the last place
  assert [label.get_text() for label in means.get_yticklabels()] == [
    "BL-Ind", "BL-ShFinal", "C: Tune + StatReg (GMM)"]
  assert dots(means) == {2 - i: (round(100 * row["mean"], 6), True) for i, row in enumerate(rows)}
  assert dots(differences) == {
    2 - i: (round(100 * row["against"]["difference"], 6), row["against"]["verdict"] != "unclear")
    for i, row in enumerate(rows) if row["against"]}
  assert [full for _, full in dots(differences).values()] == [False, True]


def test_bars_are_intervals_ticks_are_seeds_and_grey_is_what_could_not_be_seen(drawn):
  content = made_study.content()
  means, differences = drawn(content, ["mean"])
  row = content["measures"]["mean"]["rows"][0]
  bars = [list(line.get_xdata()) for line in means.lines if line.get_marker() == "None"
          and line.get_color() == COLOUR]
  assert [100 * end for end in row["interval"]] == pytest.approx(bars[0])
  ticks = [list(line.get_xdata()) for line in means.lines if line.get_marker() == "|"]
  assert ticks[0] == pytest.approx([100 * value for value in row["by_seed"]])
  grey = differences.patches[0]
  assert grey.get_width() == pytest.approx(200 * row["against"]["smallest"])
  assert grey.get_x() == pytest.approx(-100 * row["against"]["smallest"])


def test_each_measure_has_its_line_of_panels_in_one_order_of_rows(drawn):
  axes = drawn(made_study.content(), ["mean", "recognition"])
  assert [axis.get_title(loc="left") for axis in axes] == [
    "mean (%)", "points above BL-ShFinal", "recognition (%)", "points above BL-ShFinal"]


def test_a_sweep_is_drawn_over_its_values_a_column_a_field(drawn):
  content = made_study.content(["network.trunk=64", "network.trunk=256", "data.x=0.1"])
  axes = drawn(content, ["mean"])
  assert [(axis.get_xlabel(), [tick.get_text() for tick in axis.get_xticklabels()])
          for axis in axes[2:]] == [("network.trunk", ["64", "256"]), ("data.x", ["0.1"])]
  rows = {(row["value"], row["row"]): row for row in content["measures"]["mean"]["rows"]}
  lines = {bar.get_label(): list(bar.lines[0].get_ydata()) for bar in axes[0].containers}
  assert lines["BL-Ind"] == pytest.approx(
    [100 * rows[f"network.trunk={size}", "bl_ind"]["mean"] for size in (64, 256)])
  gains = {bar.get_label(): list(bar.lines[0].get_ydata()) for bar in axes[2].containers}
  assert set(gains) == {"BL-Ind", "C: Tune + StatReg (GMM)"}  # not the row that all stand above
  assert gains["BL-Ind"] == pytest.approx(
    [100 * rows[f"network.trunk={size}", "bl_ind"]["against"]["difference"] for size in (64, 256)])


def test_one_seed_is_drawn_without_bars(drawn):
  means, differences = drawn(made_study.content(seeds=1), ["mean"])
  assert not differences.patches and len(dots(means)) == 3
  drawn(made_study.content(["x=1", "x=2"], seeds=1), ["mean"])


def test_it_is_written_as_png_and_pdf(tmp_path):
  figure.write(tmp_path, made_study.content(seeds=2), ["mean"])
  assert {path.name for path in tmp_path.iterdir()} == {"study.png", "study.pdf"}
  with pytest.raises(ValueError, match="'means'"):
    figure.write(tmp_path, made_study.content(seeds=2), ["means"])
