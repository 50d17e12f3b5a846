import json
import re
import types

import numpy as np
import pytest

import small_experiment
from cmx import data
from cmx.analysis import figures
from cmx.data.sets.cmplaces import categories
from cmx.report import answers
from cmx.report import curves
from cmx.report import heat
from cmx.report import opening
from cmx.report import options
from cmx.report import recognition
from cmx.report import table

OPTIONS = options.Options(queries=2, answers=3)


def cells(html):
  """{row's name: its texts} of every table."""
  found = []
  for part in html.split("<table")[1:]:
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', part)
    found.append({name: [re.sub("<small>.*?</small>", "", cell) for cell in
                         re.findall(r"<td[^>]*>(.*?)</td>", row)] for name, row in rows})
  return found


def test_the_table_has_the_numbers_of_the_results(experiment):
  report = opening.open_report(experiment, OPTIONS)
  ours = cells(table.section(report).body)[0]
  pairs = ["NAT>CLP", "NAT>DSC", "CLP>NAT", "CLP>DSC", "DSC>NAT", "DSC>CLP"]
  for method, name in (("bl_ind", "BL-Ind"), ("c", "C: Tune + StatReg (GMM)")):
    seeds = [json.loads((experiment / f"seed_{seed}" / method / "result.json").read_text())
             for seed in (0, 1)]
    means = [np.mean([seed["tables"][0]["map"][pair] for seed in seeds]) for pair in pairs]
    assert ours[name][4:] == [f"{100 * value:.1f}" for value in means]
    assert ours[name][0] == f"{100 * np.mean(means):.1f}"
  chance = seeds[0]["tables"][0]["chance"]
  assert ours["chance"][4:] == [f"{100 * chance[pair]:.1f}" for pair in pairs]


def test_beside_it_stand_the_papers_numbers_of_the_same_pairs_where_the_classes_are_its(experiment):
  body = table.section(opening.open_report(experiment, OPTIONS)).body
  assert "The paper: CMPlaces" not in body
  small_experiment.write(experiment / "places", seeds=(0,), recorded=categories.NAMES)
  ours, theirs = cells(table.section(opening.open_report(experiment / "places", OPTIONS)).body)[:2]
  assert theirs["BL-Ind"][4:] == ["17.8", "0.8", "11.4", "0.8", "0.6", "0.9"]
  assert theirs["C: Tune + StatReg (GMM)"][4:] == ["14.3", "22.1", "10.0", "14.4", "15.1", "12.5"]
  assert len(ours["BL-Ind"]) == len(theirs["BL-Ind"])  # columns stand in line
  assert theirs["BL-Ind"][3] == "-"  # the paper has no pairs of one modality


def test_spread_over_seeds_is_shown_where_there_are_seeds(experiment):
  assert "<small>±" in table.section(opening.open_report(experiment, OPTIONS)).body
  single = opening.open_report(experiment / "seed_0" / "c", OPTIONS)
  assert "±" not in table.section(single).body.split("<p")[0]


def test_a_run_that_was_not_evaluated_is_said(experiment):
  (experiment / "seed_0" / "c" / "result.json").unlink()
  found = table.section(opening.open_report(experiment, OPTIONS))
  assert found.problems == ["C: Tune + StatReg (GMM), seed 0, was not evaluated: run "
                            "launch.evaluate"]
  assert "C: Tune + StatReg (GMM)" in cells(found.body)[0]


def test_without_results_the_table_says_so_and_recognition_is_left_out(experiment):
  for path in experiment.glob("*/*/result.json"):
    path.unlink()
  report = opening.open_report(experiment, OPTIONS)
  assert table.section(report).body == "" and len(table.section(report).problems) == 4
  assert recognition.section(report) is None


def test_recognition_is_beside_chance(experiment):
  rows = cells(recognition.section(opening.open_report(experiment, OPTIONS)).body)[0]
  seeds = [json.loads((experiment / f"seed_{seed}/c/result.json").read_text()) for seed in (0, 1)]
  expected = [np.mean([seed["recognition"][code]["accuracy"] for seed in seeds])
              for code in ("NAT", "CLP", "DSC")]
  assert rows["C: Tune + StatReg (GMM)"] == [f"{100 * value:.1f}" for value in expected]
  assert rows["chance"] == ["33.3"] * 3


def test_colour_begins_at_chance_and_is_full_at_the_largest():
  values = [0.05, 0.1, 0.3, 0.5, None]
  shades = [heat.cell({"mean": value, "std": None}, 0.1, 0.5).shade for value in values]
  np.testing.assert_allclose(shades, [0, 0, 0.5, 1, 0])
  assert heat.cell({"mean": 0.123, "std": 0.004}, 0, 1)[:2] == ("12.3", "±0.4")
  assert heat.cell({"mean": None, "std": None}, None, 1)[:2] == ("-", "")


def test_grids_are_escaped_on_the_page_and_drawn_whole():
  grid = heat.Grid("A <title>", [("<a>", ">b")], [("row <1>", [heat.Cell("1.0")])])
  html = heat.html(grid)
  for words in ("A &lt;title&gt;", "&lt;a&gt;<br>&gt;b", "row &lt;1&gt;"):
    assert words in html
  with figures.style():
    text = figures.svg(heat.figure([grid, grid]))
  assert text.count("row &lt;1&gt;") == 2


def test_curves_have_a_panel_for_each_modality_and_term(experiment):
  report = opening.open_report(experiment, OPTIONS)
  body = curves.section(report).body
  for title in ("loss, natural", "accuracy, description", "loss, cross entropy", "gradient norm"):
    assert f">{title}<" in body
  assert body.count("BL-Ind") == 1  # one entry of the legend for all seeds
  assert "Dotted" in body


def test_lines_of_metrics_that_a_kill_cut_are_left_out(experiment):
  path = experiment / "seed_0" / "c" / "metrics.jsonl"
  path.write_text(path.read_text() + '{"step": 9, "loss')
  report = opening.open_report(experiment / "seed_0" / "c", OPTIONS)
  assert [line["step"] for line in report.runs[0].metrics] == [1, 4, 7]


def test_a_run_without_metrics_is_said(experiment):
  (experiment / "seed_0" / "c" / "metrics.jsonl").unlink()
  found = curves.section(opening.open_report(experiment, OPTIONS))
  assert found.problems == ["C: Tune + StatReg (GMM), seed 0, has no metrics.jsonl"]
  assert "<svg" in found.body


def test_smoothing_keeps_the_mean_of_neighbours():
  values = np.random.default_rng(0).normal(size=200)
  reach = 200 // 25 // 2 + 1
  slow = [np.mean(values[max(0, i - reach):i + reach + 1]) for i in range(200)]
  np.testing.assert_allclose(curves._smooth(values), slow)
  np.testing.assert_array_equal(curves._smooth(values[:5]), values[:5])


def test_boards_show_the_same_queries_for_every_method(experiment):
  found = answers.section(opening.open_report(experiment, OPTIONS))
  parts = found.body.split('<div class="tab">')[1:]
  queries = [re.findall(r'<div class="query"><h4>(\w+)</h4>.*?title="([^"]*)"', part)
             for part in parts]
  assert len(parts) == 2 and queries[0] == queries[1]
  assert parts[0].count('class="board"') == 6  # two of each of three modalities
  assert (experiment / "report" / "boards_c.pdf").exists()


def test_right_and_wrong_are_told_by_sign_frame_and_name(experiment):
  report = opening.open_report(experiment / "seed_0" / "bl_ind", OPTIONS)
  found = answers.section(report).body
  right, wrong = found.count('class="answer right"'), found.count('class="answer wrong"')
  assert right + wrong == 6 * 2 * 3 and wrong > 0
  assert found.count(">\u2713</b>") == right and found.count(">\u2717</b>") == wrong
  assert f"{right} of 36 answers shown are of the query&#x27;s category; by chance 12." in found
  for answer in re.findall(r'<div class="answer wrong">.*?</div>', found):
    assert "<small>" in answer


def test_queries_can_be_chosen_by_key_and_by_category(experiment):
  asked = OPTIONS._replace(ask=("clipart/4", "red"))
  report = opening.open_report(experiment / "seed_0" / "c", asked)
  opened = report.runs[0]
  queries = answers._queries(opened, asked)
  assert opened.examples(*queries[0]).key == "clipart/4"
  assert len(queries) == 1 + 2 * 3
  assert {opened.examples(*query).category for query in queries[1:]} == {"red"}
  assert "those asked for" in answers.section(report).body


def test_a_query_that_is_not_there_is_said(experiment):
  report = opening.open_report(experiment, OPTIONS._replace(ask=("clipart/99",)))
  found = answers.section(report)
  assert found.body == ""
  assert found.problems[0].startswith("no example has the key 'clipart/99'; keys look like nat")


def test_a_run_without_the_layer_has_no_boards_and_the_rest_has(experiment):
  for row in small_experiment.ROWS:
    (experiment / "seed_0/c/features/validation" / row.name / "pool5.npy").unlink()
  found = answers.section(opening.open_report(experiment, OPTIONS._replace(layer="pool5")))
  assert found.problems == ["C: Tune + StatReg (GMM) has no boards: natural has no layer 'pool5'; "
                            "expected one of fc7, fc8"]
  assert found.body.count('class="board"') == 6


def test_missing_examples_leave_boards_with_categories(experiment, monkeypatch):
  def gone(config):
    raise FileNotFoundError("not prepared")
  monkeypatch.setattr(data, "load", gone)
  found = answers.section(opening.open_report(experiment, OPTIONS))
  assert found.problems == ["No examples can be shown: not prepared"]
  assert found.body.count("not available") >= 36 and "gre&amp;n" in found.body


@pytest.mark.parametrize("mean, low, high, shade", [
  (0.5, None, 1.0, 0.5), (0.9, 0.1, 0.5, 1.0), (0.3, 0.3, 0.3, 0.0), (0.6, 0.5, 0.4, 0.0)])
def test_colour_has_ends_and_none_where_there_is_no_way_to_go(mean, low, high, shade):
  assert heat.cell({"mean": mean, "std": None}, low, high).shade == shade


def test_a_cell_has_its_shade_and_its_spread_beneath():
  cells = [heat.Cell("<1", "±2", 0.5), heat.Cell("3")]
  html = heat.html(heat.Grid("", [("", "a"), ("", "b")], [("row", cells)]))
  assert '<td style="--shade:0.500">&lt;1<small>±2</small></td>' in html
  assert '<td style="--shade:0.000">3</td>' in html


def test_a_series_has_the_steps_that_have_it():
  metrics = [{"step": 1, "a": 0.5}, {"step": 4}, {"step": 7, "a": 0.25}]
  x, y = curves._points(types.SimpleNamespace(metrics=metrics), "a")
  assert x.tolist() == [1, 7] and y.tolist() == [0.5, 0.25]
  assert [part.size for part in curves._points(types.SimpleNamespace(metrics=metrics), "b")] == [
    0, 0]


def test_few_points_are_drawn_as_they_are_and_nine_smoothed():
  eight, nine = np.arange(8.0) ** 2, np.arange(9.0) ** 2
  np.testing.assert_array_equal(curves._smooth(eight), eight)
  assert curves._smooth(nine)[[0, 1, 8]] == pytest.approx([1 / 2, 5 / 3, 113 / 2])
