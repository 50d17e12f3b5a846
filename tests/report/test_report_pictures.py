"""The report's sections of what other commands have made: units and inversions."""

import json
import re

import numpy as np
import pytest
from PIL import Image

import small_experiment
from cmx.analysis import figures
from cmx.analysis.inversion import fidelity
from cmx.analysis.inversion import result as result_lib
from cmx.analysis.units import looks
from cmx.report import dissected
from cmx.report import inversions
from cmx.report import opening
from cmx.report import options

CODES = ("NAT", "CLP", "DSC")


@pytest.fixture
def experiment(tmp_path, made_up):
  small_experiment.write(tmp_path, rows=("bl_ind", "c"), seeds=(0,))
  return tmp_path


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
  """Names of the figures written; drawing them is tested elsewhere."""
  names = []
  monkeypatch.setattr(figures, "write", lambda figure, folder, name: names.append(name))
  return names


def body(section, experiment):
  with figures.style():
    return section(opening.open_report(experiment, options.Options()))


# Units.

def unit(number, why, score):
  text = {"key": "", "category": "red", "value": 1.0, "objects": [],
          "text": "A <b>, two beds; bed.", "marks": {"bed": 1.0, "two": 0.5}}
  return {"layer": "fc7", "unit": number, "why": why, "page": "", "score": score, "p": 0.01,
          "q": 0.02, "p_weakest": 0.03, "modalities": {
            "NAT": {"class": "red", "object": "lamp<", "iou": 0.25, "looks": [],
                    "tiles": f"tiles/{number}.webp"},
            "CLP": {"class": None, "object": None, "iou": None, "looks": [], "tiles": None},
            "DSC": {"class": "gre&n", "object": None, "iou": None, "looks": [text], "tiles": None}}}


def write_units(folder, method, name, above):
  (folder / "units" / "tiles").mkdir(parents=True)
  whys = [(looks.CONSISTENT, 0.9), (looks.CONSISTENT, 0.8), (looks.CONSISTENT, 0.7),
          (looks.RANDOM, None)]
  for number in range(len(whys)):
    Image.new("RGB", (8, 4)).save(folder / "units" / "tiles" / f"{number}.webp")
  layer = {"units": 256, "dead": dict.fromkeys(CODES, 3),
           "consistency": {"mean": 0.25, "null": 0.3, "above": above, "above_most": 0.15,
                           "every": 0.1, "every_most": 0.04, "discovered": 0.0, "classes": 3,
                           "pairs": {"NAT>CLP": 0.5}}, "objects": None}
  result = {"method": method, "name": name, "seed": 0, "data": "made_up", "classes": 3,
            "modalities": {"NAT": "natural", "CLP": "clipart", "DSC": "description"},
            "asked": {"step": 7, "split": "validation"}, "layers": {"fc7": layer},
            "shown": [unit(number, *about) for number, about in enumerate(whys)], "problems": []}
  (folder / "units" / "units.json").write_text(json.dumps(result))


def test_without_units_the_section_says_how_to_get_them(experiment):
  found = body(dissected.section, experiment)
  assert f"python -m launch.units --workdir={experiment}" in found.body


def test_units_of_all_methods_stand_side_by_side_with_chance(experiment, drawn):
  write_units(experiment / "seed_0" / "bl_ind", "bl_ind", "BL-Ind", 0.125)
  write_units(experiment / "seed_0" / "c", "c", "C: Tune + StatReg (GMM)", 0.75)
  found = body(dissected.section, experiment)
  rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', found.body)
  assert [(name, re.findall(r"<td>(.*?)</td>", row)) for name, row in rows] == [
    ("BL-Ind", ["0.25", "12.5", "10.0", "3/3/3"]),
    ("C: Tune + StatReg (GMM)", ["0.25", "75.0", "10.0", "3/3/3"]),
    ("chance", ["", "15.0", "4.0", ""])]
  assert "units" in drawn and not found.problems


def test_a_method_that_was_not_looked_at_is_named(experiment):
  write_units(experiment / "seed_0" / "c", "c", "C: Tune + StatReg (GMM)", 0.75)
  assert body(dissected.section, experiment).problems == [
    "Not looked at yet: BL-Ind (seed 0). Run launch.units"]


def test_the_first_of_each_kind_are_shown_with_pictures_and_marked_words(experiment):
  write_units(experiment / "seed_0" / "c", "c", "C: Tune + StatReg (GMM)", 0.75)
  page = body(dissected.section, experiment).body
  assert re.findall(r"unit (\d), (.*?)[:<]", page) == [
    ("0", "among the most consistent"), ("1", "among the most consistent"), ("3", "drawn by lot")]
  assert page.count('<img class="strip" src="data:image/webp;base64,') == 3
  assert "natural: red; lamp&lt;, IoU 0.25" in page and "clipart: dead" in page
  assert ('A &lt;b&gt;, <mark style="--shade:0.50">two</mark> beds; '
          '<mark style="--shade:1.00">bed</mark>.') in page


# Inversions.

def write_inversion(folder):
  way = {"cosine": 0.5, "answer": "red"}
  tiles = [{"modality": modality, "category": category, "row": row, "answer": category,
            "inverted": way, "nearest": way} for modality in ("natural", "description")
           for row, category in enumerate(("red", "gre&n"))]
  measures = {"kept": {"before": 0.5, "inverted": 0.25}}
  content = {"method": "c", "name": "C: Tune + StatReg (GMM)", "seed": 0, "layer": "fc7",
             "reference": "natural", "size": 8, "decoder": {
               "drawing": 16, "steps": 600, "parameters": 1234, "gallery": 900},
             "definitions": fidelity.definitions("fc7", "natural"), "tiles": tiles, "units": None,
             "spectrum": [1.0],
             "rows": [{"modality": name, "code": code, "moved": False, "examples": 12,
                       "spectrum": {}, "measures": measures}
                      for name, code in (("natural", "NAT"), ("description", "DSC"))]}
  folder.mkdir(parents=True)
  pictures = {way: np.zeros((4, 8, 8, 3), np.uint8) for way in ("inverted", "nearest")}
  result_lib.write(folder, result_lib.Inverted(content, pictures))


def test_without_an_inversion_the_section_says_how_to_get_one(experiment):
  found = body(inversions.section, experiment)
  assert f"python -m launch.invert --workdir={experiment}/seed_0/c" in found.body  # the best row


def test_examples_stand_beside_their_pictures_and_the_table_below(experiment, drawn):
  write_inversion(experiment / "seed_0" / "c" / "inversion" / "fc7")
  page = body(inversions.section, experiment).body
  assert drawn == ["inversion_c_fc7"]
  assert page.count('<div class="picture">') == 12  # 2 modalities, 2 categories, 3 each
  assert page.count("<small>0.50 red</small>") == 4
  assert page.count('<small class="off">0.50 red</small>') == 4
  assert re.search(r'<th scope="row">DSC</th><td>12</td><td>50.0</td><td>25.0</td>', page)
  assert "kept: Share of examples" in page and "<script" not in page


def test_a_run_without_features_is_said(experiment):
  run = experiment / "seed_0" / "c"
  write_inversion(run / "inversion" / "fc7")
  (run / "features").rename(run / "away")
  assert body(inversions.section, experiment).problems == [
    "C: Tune + StatReg (GMM) has no features, so no examples stand beside its pictures"]
