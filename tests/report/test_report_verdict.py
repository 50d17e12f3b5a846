"""The opening of the report: verdict and chart, cautions, the row that tabs stand on, classes."""

import json
import re

import numpy as np
import pytest

import small_experiment
from cmx import data
from cmx.analysis import figures
from cmx.evaluation import verdict as verdict_lib
from cmx.report import classes
from cmx.report import curves
from cmx.report import opening
from cmx.report import options
from cmx.report import page
from cmx.report import section
from cmx.report import verdict


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
  """Figures are not written as files, which takes most of the time; the page has them."""
  monkeypatch.setattr(figures, "write", lambda figure, folder, name: None)


@pytest.fixture
def experiment(tmp_path, monkeypatch):
  monkeypatch.setattr(data, "load", lambda config: small_experiment.dataset())
  small_experiment.write(tmp_path, seeds=(0,))
  return tmp_path


def opened(folder):
  return opening.open_report(folder, options.Options())


def test_the_page_opens_with_the_verdict_then_cautions_and_ends_with_what_was_run(
    experiment, monkeypatch):
  modules = [module for module in page.SECTIONS
             if module.__name__.rpartition(".")[2] in ("verdict", "table", "card")]
  monkeypatch.setattr(page, "SECTIONS", modules)
  text = page.build(experiment).read_text()
  assert re.findall(r"<h2>(.*?)</h2>", text) == [
    "Verdict", "What to be careful about", "Retrieval", "What was run"]
  assert text.index("All numbers are of one seed") < text.index("<h2>Retrieval")


def test_the_sentences_are_those_of_the_results_beside_a_chart(experiment):
  report = opened(experiment)
  results = [json.loads((experiment / "seed_0" / row / "result.json").read_text())
             for row in ("bl_ind", "c")]
  body = verdict.section(report).body
  for sentence in verdict_lib.verdict(results).sentences:
    assert section.escape(sentence) in body
  for words in ("all pairs", "without text", "with text", "chance", "within a modality"):
    assert f">{words}<" in body
  assert report.best == "C: Tune + StatReg (GMM)"


def test_tabs_stand_on_the_best_row_and_it_alone_is_printed():
  parts = [("BL-Ind", "one"), ("C", "two"), ("D", "three")]
  checked = r'checked><label for="t-\d">(.*?)</label>'
  assert re.findall(checked, section.tabs("t", parts, "C")) == ["C"]
  assert re.findall(checked, section.tabs("t", parts, "gone")) == ["BL-Ind"]
  printed = page._file("page.css").partition("@media print")[2]
  assert ".tabs > .tab" not in printed and ".tabs > label" in printed


def test_a_run_half_finished_and_one_that_was_not_evaluated_are_counted(experiment):
  (experiment / "seed_0" / "bl_ind" / "result.json").unlink()
  half = experiment / "seed_0" / "a_tune"
  half.mkdir()
  (half / "config.json").write_text((experiment / "seed_0/c/config.json").read_text())
  report = opened(experiment)
  assert report.verdict.sentences[0].startswith("So far, 2 run(s) being unfinished: ")
  assert "the only row" in report.verdict.sentences[0]


def test_without_results_there_is_no_verdict_and_it_says_what_to_do(experiment):
  for path in experiment.glob("*/*/result.json"):
    path.unlink()
  report = opened(experiment)
  assert report.verdict is None and report.best == "BL-Ind"
  assert "launch.evaluate" in verdict.section(report).body


def test_results_that_do_not_fit_together_are_said_and_the_rest_is_shown(experiment):
  path = experiment / "seed_0" / "c" / "result.json"
  result = json.loads(path.read_text())
  path.write_text(json.dumps({**result, "split": "train"}))
  report = opened(experiment)
  assert report.verdict is None and "There is no verdict: c seed 0 was eval" in report.problems[-1]


def test_several_seeds_have_bars_of_spread_and_no_caution_of_one(experiment):
  small_experiment.write(experiment, seeds=(1,))
  found = verdict.section(opened(experiment))
  assert "one seed" not in " ".join(found.careful) + found.body


def test_code_that_was_changed_is_a_caution(experiment, monkeypatch):
  report = opened(experiment)
  run = report.runs[0].run._replace(provenance={"commit": "abc-dirty"})
  report = report._replace(runs=[report.runs[0]._replace(run=run), *report.runs[1:]])
  assert any("changed since its last commit" in line for line in verdict.section(report).careful)


def test_curves_of_the_validation_split_stand_beside_those_of_training(experiment):
  body = curves.section(opened(experiment)).body
  assert "a part of the validation split" in body
  for path in experiment.glob("*/*/metrics.jsonl"):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({key: value for key, value in line.items()
                                        if not key.startswith("validation_")}) + "\n"
                            for line in lines))
  found = curves.section(opened(experiment))
  assert "validation split" not in found.body and "log.validation_steps" in found.problems[0]


def test_classes_have_their_recognition_the_weakest_first_and_a_matrix_each(experiment):
  report = opened(experiment)
  found = classes.section(report)
  best = next(run for run in report.shown if run.method == "c")
  rows = dict(re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>',
                         found.body.partition("</table>")[0]))
  part = best.features["natural"]
  right = (np.argmax(part["fc8"], axis=1) == part["label"])[np.asarray(part["label"]) == 0].mean()
  assert re.findall(r"<td[^>]*>(.*?)</td>", rows["red"])[0] == f"{100 * right:.1f}"
  assert set(rows) == {"red", "gre&amp;n", "blue &lt;b&gt;", "chance"}
  assert found.body.count("% right<") == 3
  assert (experiment / "report" / "classes.csv").read_text().startswith("class,NAT,CLP,DSC\n")
  assert "evaluated before queries were kept" in found.problems[0]


def test_how_well_a_class_is_found_is_the_mean_of_its_queries(experiment):
  report = opened(experiment)
  best = next(run for run in report.shown if run.method == "c")
  kept = {f"label/{code}": np.array([0, 0, 1]) for code in ("NAT", "CLP", "DSC")}
  for i, query in enumerate(("NAT", "CLP", "DSC")):
    for target in ("NAT", "CLP", "DSC"):
      kept[f"fc7 cosine/{query}>{target}"] = np.array([0.1 * i, 0.1 * i + 0.2, np.nan])
  np.savez(best.workdir / "average_precision.npz", **kept)
  found = classes._precision(best, [])
  assert found[0] == pytest.approx(0.2) and np.isnan(found[1]) and np.isnan(found[2])


def test_of_many_classes_the_weakest_and_some_of_the_strongest_are_shown():
  names = [f"c{i}" for i in range(100)]
  grid = classes._grid(names, {"NAT": np.arange(100) / 100}, {"NAT": 0.01})
  shown = [name for name, _ in grid.rows]
  assert shown == [*names[:30], *names[90:], "chance"] and "of 100 classes" in grid.title


def test_the_most_frequent_confusions_are_named():
  matrix = np.array([[5, 3, 0], [0, 8, 0], [1, 0, 7]])
  assert classes._words(matrix, ["bed_room", "bath", "hall"]) == (
    "taken most often: bed room for bath, 3 of 8; hall for bed room, 1 of 8")
  assert classes._words(np.eye(3, dtype=int), ["a", "b", "c"]) == "none is taken for another"


@pytest.mark.parametrize("count, shown", [(40, 40), (41, 40)])
def test_forty_classes_are_all_shown_and_of_more_one_is_left_out(count, shown):
  names = [f"c{i}" for i in range(count)]
  grid = classes._grid(names, {"NAT": np.arange(count) / count}, {"NAT": 0.01})
  assert [name for name, _ in grid.rows] == [
    *names[:30], *names[count - shown + 30:], "chance"]
  assert grid.title.startswith("All 40" if count == 40 else "The 30 weakest and the 10 strongest")


def test_classes_stand_by_the_mean_of_what_is_known_and_those_of_nothing_first():
  columns = {"NAT": np.array([0.9, 0.2, np.nan, np.nan]), "CLP": np.array([0.1, 0.6, 0.3, np.nan])}
  grid = classes._grid(["a", "b_c", "d", "e"], columns, {"NAT": 0.25, "CLP": None})
  assert [name for name, _ in grid.rows] == ["e", "d", "b c", "a", "chance"]  # 0.3, 0.4, 0.5
  assert [[cell.text for cell in cells] for _, cells in grid.rows] == [
    ["-", "-"], ["-", "30.0"], ["20.0", "60.0"], ["90.0", "10.0"], ["25.0", "-"]]
  assert grid.rows[3][1][0].shade == 1.0  # the largest of all columns


def test_three_confusions_are_named_equal_ones_in_the_classes_order():
  matrix = np.array([[0, 1, 2], [1, 0, 1], [0, 5, 0]])
  assert classes._words(matrix, ["a", "b", "c"]) == (
    "taken most often: c for b, 5 of 5; a for c, 2 of 3; a for b, 1 of 3")


def test_a_class_without_examples_has_no_share_that_is_right():
  np.testing.assert_array_equal(classes._recognised(np.array([[1, 3, 0], [0, 0, 0], [0, 0, 2]])),
                                [0.25, np.nan, 1.0])
