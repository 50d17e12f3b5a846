"""A page is written again where anything that it was made of has changed, and only there."""

import pytest

import small_experiment
from cmx import data
from cmx.analysis import figures
from cmx.report import options
from cmx.report import page
from cmx.report import verdict


@pytest.fixture
def experiment(tmp_path, monkeypatch):
  monkeypatch.setattr(data, "load", lambda config: small_experiment.dataset())
  monkeypatch.setattr(page, "SECTIONS", (verdict,))
  monkeypatch.setattr(figures, "write", lambda figure, folder, name: (
    folder.mkdir(exist_ok=True) or (folder / f"{name}.png").write_bytes(b"")))
  small_experiment.write(tmp_path, seeds=(0,))
  return tmp_path


def written(folder, asked=options.Options()):
  """Whether the page is written anew: what stands in it is gone then."""
  path = folder / "report.html"
  path.write_text("old") if path.exists() else None
  return page.build(folder, asked).read_text() != "old"


def test_a_page_of_the_same_runs_is_left_as_it_is(experiment):
  assert written(experiment) and not written(experiment)


def touched_result(folder):
  path = folder / "seed_0" / "c" / "result.json"
  path.write_text(path.read_text() + " ")


def more_metrics(folder):
  with (folder / "seed_0" / "c" / "metrics.jsonl").open("a") as file:
    file.write('{"step": 9}\n')


def a_new_seed(folder):
  small_experiment.write(folder, seeds=(1,))


def units(folder):
  (folder / "seed_0" / "c" / "units").mkdir()
  (folder / "seed_0" / "c" / "units" / "tile.webp").write_bytes(b"1")


def a_figure_gone(folder):
  (folder / "report" / "verdict.png").unlink()


def a_stamp_cut_off(folder):
  (folder / "report" / "made_of.json").write_text('{"finger')


@pytest.mark.parametrize("change", [touched_result, more_metrics, a_new_seed, units, a_figure_gone,
                                    a_stamp_cut_off])
def test_what_changes_makes_the_page_anew(experiment, change):
  written(experiment)
  change(experiment)
  assert written(experiment) and not written(experiment)


def test_other_options_make_another_page(experiment):
  written(experiment)
  assert written(experiment, options.Options(points=9))


def test_a_page_that_lacks_examples_is_not_kept(experiment, monkeypatch):
  def gone(config):
    raise FileNotFoundError("not prepared")
  monkeypatch.setattr(data, "load", gone)
  assert written(experiment) and written(experiment)
