"""A run's units written below its work directory; runs side by side. None was ever trained."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import made_findings
import untrained
from cmx.analysis.units import comparison
from cmx.analysis.units import consistency
from cmx.analysis.units import findings
from cmx.analysis.units import looks
from cmx.analysis.units import study
from cmx.analysis.units import tally as tally_lib
from cmx.data import opening

OPTIONS = made_findings.OPTIONS


def read_csv(path):
  return list(csv.DictReader(path.read_text().splitlines()))


# A run on disk.

@pytest.fixture(scope="module")
def studied(run, tmp_path_factory):
  folder = tmp_path_factory.mktemp("studied")
  return folder, study.study(run, opening.open_data(run.config), folder, OPTIONS)


def test_a_study_says_what_it_found_and_how(studied, run, found):
  folder, result = studied
  assert result == json.loads((folder / "units" / "units.json").read_text())
  assert result["method"] == "c" and result["problems"] == []
  assert result["modalities"] == {"NAT": "natural", "LDR": "drawing", "DSC": "description"}
  part, compared = result["layers"]["fc7"], found.compared["fc7"]
  assert part["units"] == 16 and part["consistency"]["mean"] == float(compared.score.mean())
  assert part["consistency"]["above"] == float((compared.p <= consistency.LEVEL).mean())
  assert part["consistency"]["every"] == float((compared.p_weakest <= consistency.LEVEL).mean())
  assert set(part["consistency"]["pairs"]) == {"NAT>LDR", "NAT>DSC", "LDR>DSC"}
  assert part["objects"]["shared"] is not None and set(part["objects"]["detectors"]) == {
    "NAT", "LDR", "DSC"}
  assert [(unit["layer"], unit["why"]) for unit in result["shown"]] == [
    (layer, why) for layer in OPTIONS.layers for why in (looks.CONSISTENT, looks.RANDOM)]


def test_every_unit_has_a_line(studied, found):
  lines = read_csv(studied[0] / "units" / "units.csv")
  assert [(line["layer"], line["unit"]) for line in lines] == [
    *(("pool5", str(i)) for i in range(4)), *(("fc7", str(i)) for i in range(16))]
  compared, line = found.compared["fc7"], lines[4 + 5]
  assert float(line["score"]) == pytest.approx(compared.score[5], abs=1e-5)
  assert float(line["q"]) == pytest.approx(compared.q[5], abs=1e-5)
  tally = found.tallies["fc7"]["natural"]
  if not tally_lib.dead(tally)[5]:
    label = int(np.argmax(tally_lib.profile(tally)[:, 5]))
    assert line["NAT class"] == found.subject.run.classes[label]
    iou = found.overlaps.iou["fc7"]["natural"][5]
    assert line["NAT object"] == found.overlaps.names[int(iou.argmax())]


def test_pages_and_tiles_are_written_and_captions_stand_alone(studied, found):
  folder, result = studied
  for unit in result["shown"]:
    for suffix in ("png", "pdf"):
      assert (folder / "units" / f"{unit['page']}.{suffix}").stat().st_size > 5_000
    natural = unit["modalities"]["NAT"]
    if natural["looks"]:
      with Image.open(folder / "units" / natural["tiles"]) as strip:
        assert strip.size == (3 * 96, 96)
    assert all(isinstance(look["text"], str) for look in unit["modalities"]["DSC"]["looks"])


def test_the_same_run_gives_the_same_files_and_is_not_studied_twice(studied, run, tmp_path,
                                                                  monkeypatch):
  folder, result = studied
  assert study.study(run, opening.open_data(run.config), tmp_path, OPTIONS) == result
  for path in sorted((folder / "units").rglob("*")):
    if path.is_file():
      if path.name != "sha256.json":  # which holds times
        assert path.read_bytes() == (tmp_path / path.relative_to(folder)).read_bytes(), path
  monkeypatch.setattr(findings, "find", None)  # would fail
  assert study.study(run, opening.open_data(run.config), folder, OPTIONS) == result
  with pytest.raises(TypeError):
    study.study(run, opening.open_data(run.config), folder, OPTIONS._replace(seed=1))


def test_one_modality_has_top_examples_but_no_consistency(run, tmp_path):
  result = study.study(run, opening.open_data(run.config), tmp_path,
                       OPTIONS._replace(modalities=("LDR",)))
  assert result["layers"]["fc7"]["consistency"] is None
  assert result["layers"]["fc7"]["objects"]["shared"] is None
  assert {unit["why"] for unit in result["shown"]} == {looks.RANDOM}
  assert result["problems"][0].startswith("No consistency of pool5: 1 modalities with examples of")
  text = comparison.to_text(comparison.aggregate([result]))
  assert "above" not in text and "fc7, 16 units" in text


# Runs side by side.

@pytest.fixture(scope="module")
def compared(root, tmp_path_factory):
  folder = tmp_path_factory.mktemp("experiment")
  for name in ("bl_ind", "c", "reference"):
    untrained.write(folder / "seed_0" / name, root, name)
  untrained.write(folder / "seed_1" / "c", root, "c", seed=1)
  return folder


def test_an_experiment_is_studied_in_table_order_without_its_reference(compared):
  found = study.study_all(compared, OPTIONS._replace(show=0))
  assert [(result["method"], result["seed"]) for result in found] == [
    ("bl_ind", 0), ("c", 0), ("c", 1)]
  comparison.write(compared, found)
  content = json.loads((compared / "units.json").read_text())
  row = content["layers"]["fc7"]["rows"][1]
  means = [result["layers"]["fc7"]["consistency"]["mean"] for result in found[1:]]
  assert row["seeds"] == [0, 1] and row["score"] == {
    "mean": pytest.approx(np.mean(means)), "std": pytest.approx(np.std(means, ddof=1)), "count": 2}
  most = [result["layers"]["fc7"]["consistency"]["every_most"] for result in found]
  assert content["layers"]["fc7"]["chance"]["every"] == max(most)
  text = (compared / "units.txt").read_text()
  line = next(line for line in text.split("fc7, 16 units")[1].splitlines() if "BL-Ind" in line)
  above = found[0]["layers"]["fc7"]["consistency"]["above"]
  assert line.split()[2] == f"{100 * above:.1f}"
  lines = read_csv(compared / "units.csv")
  assert [(line["layer"], line["method"]) for line in lines] == [
    (layer, method) for layer in OPTIONS.layers for method in ("bl_ind", "c")]
  assert float(lines[3]["score"]) == row["score"]["mean"]
  assert (compared / "units.png").exists() and (compared / "units.pdf").exists()


def test_only_the_first_seed_of_a_method_has_pages(compared, monkeypatch):
  drawn = []
  monkeypatch.setattr(study, "study", lambda run, *args, draw: drawn.append(
    (run.config.method, run.config.seed, draw)) or {
      "problems": [], "name": "", "seed": run.config.seed})
  study.study_all(compared, OPTIONS)
  assert drawn == [("bl_ind", 0, True), ("c", 0, True), ("c", 1, False)]


def test_units_looked_at_in_another_way_are_left_out_and_named(studied):
  result = studied[1]
  other = {**result, "method": "bl_ind", "seed": 4, "asked": {**result["asked"], "limit": 7}}
  content = comparison.aggregate([result, other])
  assert [row["method"] for row in content["layers"]["fc7"]["rows"]] == ["c"]
  assert content["problems"] == ["bl_ind seed 4 is left out: its units were looked at in another "
                                 "way than those of c seed 0"]
  assert content["problems"][0] in comparison.to_text(content)


def test_nothing_to_compare_is_refused():
  with pytest.raises(ValueError, match="no units to compare; expected at least one run"):
    comparison.aggregate([])


def test_runs_that_cannot_be_studied_are_left_out_with_a_warning(compared, monkeypatch):
  def failing(config):
    if config.method == "bl_ind":
      raise OSError("records are gone")
    return open_data(config)

  open_data = opening.open_data
  monkeypatch.setattr(opening, "open_data", failing)
  found = study.study_all(compared, OPTIONS._replace(show=0, layers=("fc7",)))
  assert {result["method"] for result in found} == {"c"}
  with pytest.raises(ValueError, match="no run could be looked at:\n  .*bl_ind: records are gone"):
    study.study_all(compared / "seed_0" / "bl_ind", OPTIONS)


def test_a_folder_without_runs_is_refused(tmp_path):
  with pytest.raises(FileNotFoundError, match="no trained run in .*expected a work directory of"):
    study.study_all(tmp_path, OPTIONS)


def test_the_command_prints_the_table_and_says_where_it_is(compared):
  folder = compared / "seed_0" / "c"
  command = [sys.executable, "-m", "launch.units", f"--workdir={folder}", "--show=0",
             "--layers=fc7,conv9", "--permutations=19", "--compilation_cache="]
  done = subprocess.run(command, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  assert "fc7, 16 units" in done.stdout
  assert "There is no layer 'conv9'; expected one of" in done.stderr
  assert "Units of 1 runs in" in done.stderr and f"Written: {folder}/units" in done.stderr
