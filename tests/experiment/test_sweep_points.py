"""Points of a sweep: means over seeds, gains, table and plot."""

import csv
import json

import pytest

from cmx.analysis import figures
from cmx.experiment import sweep_points

POINTS = [{"field": field, "value": value, "method": method, "seed": seed,
           "mean": 0.1 * i + 0.01 * seed + (0.2 if method == "c" else 0.0), "same": 0.5}
          for field, values in (("network.trunk", (64, 256)), ("network.dropout", (0.0, 0.5)))
          for i, value in enumerate(values) for method in ("bl_shfinal", "c") for seed in (0, 1)]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
  """Draws a sweep; gives title, label, ticks and lines (label -> heights) of its panels."""
  kept = []
  monkeypatch.setattr(figures, "write", lambda figure, folder, name: kept.append(figure))

  def draw(*arguments):
    sweep_points.plot(POINTS, tmp_path, *arguments)
    return [{"title": axis.get_title(loc="left"), "x": axis.get_xlabel(),
             "ticks": [tick.get_text() for tick in axis.get_xticklabels()],
             "lines": {bar.get_label(): [round(y, 6) for y in bar.lines[0].get_ydata()]
                       for bar in axis.containers}} for axis in kept[-1].axes]
  return draw


def test_a_value_and_row_have_the_mean_and_sample_deviation_of_their_seeds():
  first = sweep_points.summary(POINTS)[0]
  assert (first["field"], first["value"], first["method"]) == ("network.trunk", 64, "bl_shfinal")
  assert first["seeds"] == 2 and first["mean"] == pytest.approx(0.005)
  assert first["mean std"] == pytest.approx(0.01 / 2 ** 0.5)
  assert sweep_points.summary(POINTS[:1])[0]["mean std"] is None  # one seed has no spread


def test_measures_are_means_over_pairs_and_recognition_over_modalities():
  result = {"modalities": ["natural", "drawing"], "text": [],
            "tables": [{"map": {"natural>drawing": 0.2, "drawing>natural": 0.4,
                                "natural>natural": 0.6, "drawing>drawing": None}}],
            "recognition": {"natural": {"accuracy": 0.9}, "drawing": {"accuracy": 0.5}}}
  found = sweep_points.measures(result)
  assert found["mean"] == pytest.approx(0.3) and found["same"] == pytest.approx(0.6)
  assert found["recognition"] == pytest.approx(0.7)


def test_the_table_is_written_in_percent_and_as_data(tmp_path):
  text = sweep_points.write(tmp_path, POINTS)
  assert (tmp_path / "sweep.txt").read_text() == text
  lines = [line.split() for line in text.splitlines()]
  assert ["network.trunk=256", "c", "30.5", "±0.7", "50.0", "±0.0"] in lines
  rows = json.loads((tmp_path / "sweep.json").read_text())
  with (tmp_path / "sweep.csv").open() as file:
    table = list(csv.DictReader(file))
  assert len(rows) == len(table) == 8 and float(table[0]["mean"]) == pytest.approx(rows[0]["mean"])


def test_a_panel_for_each_ladder_shows_the_mean_over_seeds(drawn):
  trunk, dropout = drawn(["mean"])
  assert trunk["title"] == "mAP, mean (%)" and dropout["title"] == ""
  assert (trunk["x"], trunk["ticks"]) == ("network.trunk", ["64", "256"])
  assert (dropout["x"], dropout["ticks"]) == ("network.dropout", ["0", "0.5"])
  assert trunk["lines"] == {"BL-ShFinal": [0.5, 10.5], "C: Tune + StatReg (GMM)": [20.5, 30.5]}


def test_gains_over_a_baseline_have_panels_of_their_own(drawn):
  _, _, gain, _ = drawn(["mean"], "bl_shfinal")
  assert gain["title"] == "gain over BL-ShFinal (points)"
  assert gain["lines"] == {"C: Tune + StatReg (GMM)": [20.0, 20.0]}


def test_gains_are_paired_by_value_and_seed():
  found = sweep_points.gains(POINTS, "bl_shfinal")
  assert {(point["value"], point["seed"]) for point in found} == {
    (value, seed) for value in (64, 256, 0.0, 0.5) for seed in (0, 1)}
  assert all(point["method"] == "c" and point["mean"] == pytest.approx(0.2) and point["same"] == 0
             for point in found)


def test_it_is_written_as_png_and_pdf(tmp_path):
  sweep_points.plot(POINTS, tmp_path, ["mean"])
  assert {path.name for path in tmp_path.iterdir()} == {"sweep.png", "sweep.pdf"}


def test_what_the_sweep_does_not_have_is_refused(tmp_path):
  with pytest.raises(ValueError, match="measure 'means'; expected one of mean, same"):
    sweep_points.plot(POINTS, tmp_path, ["means"])
  with pytest.raises(ValueError, match="gains over 'a_free'; expected a row of the sweep: bl_shf"):
    sweep_points.plot(POINTS, tmp_path, ["mean"], "a_free")
  assert not list(tmp_path.iterdir())
