import re
import sys
from html import parser

import pytest

import small_experiment
from cmx.analysis import figures
from cmx.report import card
from cmx.report import opening
from cmx.report import options
from cmx.report import page
from cmx.report import section
from cmx.report import verdict
from cmx.training import checkpoint


def test_an_experiment_opens_in_table_order_one_run_a_method_shown(experiment):
  report = opening.open_report(experiment, options.Options())
  assert [(run.method, run.run.config.seed) for run in report.runs] == [
    ("bl_ind", 0), ("bl_ind", 1), ("c", 0), ("c", 1)]
  assert [run.run.config.seed for run in report.shown] == [0, 0]
  assert report.problems == [] and report.runs[0].run.params == {}
  assert report.runs[0].metrics[-1]["step"] == 7


def test_one_run_opens_alone(experiment):
  report = opening.open_report(experiment / "seed_1" / "c", options.Options())
  assert [run.name for run in report.runs] == ["C: Tune + StatReg (GMM)"]


def test_the_reference_network_stands_apart(experiment):
  small_experiment.write_run(experiment / "seed_0" / "reference", "reference")
  report = opening.open_report(experiment, options.Options())
  assert report.reference.method == "reference" and len(report.runs) == 4


def test_runs_share_the_examples_that_they_share(experiment):
  report = opening.open_report(experiment, options.Options())
  assert len({id(run.examples) for run in report.runs}) == 1


def test_a_folder_without_runs_is_refused(tmp_path):
  with pytest.raises(FileNotFoundError, match="no trained run in .*expected a work directory of"):
    opening.open_report(tmp_path, options.Options())


def test_a_run_that_cannot_be_opened_is_left_out_and_named(experiment):
  (experiment / "seed_0" / "c" / "config.json").rename(experiment / "seed_0" / "c" / "kept")
  broken = experiment / "seed_0" / "broken"
  broken.mkdir()
  (broken / "config.json").write_text("{}")
  report = opening.open_report(experiment, options.Options())
  assert len(report.runs) == 3
  assert report.problems == [
    f"The run in {broken} cannot be opened: {broken} holds no checkpoints; "
    "expected a work directory of launch.train"]


def test_a_run_of_another_class_list_is_left_out_and_named(experiment):
  other = small_experiment.dataset(classes=("one", "two", "three"))
  small_experiment.write_run(experiment / "seed_2" / "c", "c", 2, other)
  report = opening.open_report(experiment, options.Options())
  assert len(report.runs) == 4 and "its 3 classes are not the 3 of" in report.problems[0]


def test_a_run_without_features_is_kept_and_said(experiment):
  (experiment / "seed_1" / "c" / "features" / "validation" / "modalities.json").unlink()
  report = opening.open_report(experiment, options.Options())
  assert len(report.runs) == 4 and report.runs[-1].features == {}
  assert report.problems == [
    "C: Tune + StatReg (GMM), seed 1, has no features of the validation split: run "
    "launch.evaluate, and build the report again for its pictures"]


def test_the_card_says_command_versions_data_and_what_differs(experiment):
  body = card.section(opening.open_report(experiment, options.Options())).body
  for text in ("python ", "jax 0.", "fingerprint f1f2f3", "gre&amp;n", "blue &lt;b&gt;"):
    assert text in body
  assert "<b>" not in body


def test_the_card_says_where_nothing_was_recorded(experiment, monkeypatch):
  monkeypatch.setattr(checkpoint, "card", lambda *args: {
    key: value for key, value in CARD(*args).items() if key != "provenance"})
  small_experiment.write_run(experiment / "alone", "c")
  found = card.section(opening.open_report(experiment / "alone", options.Options()))
  assert "not recorded" in found.body and "do not say by which command" in found.problems[0]
  found = verdict.section(opening.open_report(experiment / "alone", options.Options()))
  assert "All numbers are of one seed" in found.careful[0]


CARD = checkpoint.card


class Reader(parser.HTMLParser):
  """Opened and closed tags, and everything that a page would fetch or run."""

  def __init__(self):
    super().__init__()
    self.stack, self.fetched, self.scripts = [], [], 0

  def handle_starttag(self, tag, attributes):
    if tag not in ("meta", "img", "input", "br"):
      self.stack.append(tag)
    self.scripts += tag == "script" and ("type", "application/json") not in attributes
    self.fetched += [value for name, value in attributes
                     if name in ("src", "href", "xlink:href", "action", "data")]

  def handle_endtag(self, tag):
    assert self.stack.pop() == tag


def test_the_page_is_one_file_well_formed_and_escaped(experiment):
  text = page.build(experiment).read_text()
  reader = Reader()
  reader.feed(text)
  assert reader.stack == [] and reader.scripts == 1
  assert all(address.startswith(("#", "data:image/")) for address in reader.fetched)
  assert "<script>alert" not in text and "<b>" not in text
  assert len(text.encode()) < 15_000_000  # what mail and phones take


@pytest.fixture
def undrawn(monkeypatch):
  """Figures are not written as files, which takes most of the time; the page has them."""
  monkeypatch.setattr(figures, "write", lambda figure, folder, name: None)


def test_the_same_runs_give_the_same_page(experiment, undrawn):
  first = page.build(experiment).read_text()
  (experiment / "report" / "made_of.json").unlink()  # else it is left as it is
  assert page.build(experiment).read_text() == first


def test_a_section_that_fails_is_said_and_the_rest_is_drawn(experiment, undrawn, monkeypatch):
  class Broken:
    __name__ = "cmx.report.broken"

    @staticmethod
    def section(report):
      raise ValueError("no <layer> 'fc9'")

  monkeypatch.setattr(page, "SECTIONS", (Broken, *page.SECTIONS))
  text = page.build(experiment).read_text()
  assert text.count("no &lt;layer&gt; &#x27;fc9&#x27;") == 2  # in its place, and under Missing
  assert "What was run" in text


def test_without_matplotlib_the_report_says_how_to_get_it(experiment, monkeypatch):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  with pytest.raises(ValueError, match=r"pip install 'cmx\[explore\]'"):
    page.build(experiment)


def test_pieces_of_page_escape_what_they_are_given():
  evil = "<i>\"'&"
  safe = "&lt;i&gt;&quot;&#x27;&amp;"
  for html in (section.paragraph(evil), section.table([evil], [[evil, evil]], evil),
               section.facts([(evil, evil)]), section.framed("", evil, evil),
               section.tabs("t", [(evil, ""), ("b", "")])):
    assert "<i>" not in html and safe in html
  assert section.anchor("What's <new>?") == "what-s-new"


def test_tabs_of_one_part_are_that_part():
  assert section.tabs("t", [("title", "content")]) == "content"


def test_tiles_are_pictures_or_escaped_texts(experiment):
  examples = opening.open_report(experiment, options.Options()).runs[0].examples
  picture = section.tile(examples("natural", 0))
  assert re.match(r'<img class="tile" src="data:image/webp;base64,', picture)
  assert "&lt;script&gt;" in section.tile(examples("description", 0))
