"""The result of an inversion: written and read back, as a table, as sheets."""

import csv

import numpy as np
import pytest

from cmx.analysis import figures
from cmx.analysis.inversion import fidelity
from cmx.analysis.inversion import result as result_lib
from cmx.analysis.inversion import sheet
from cmx.evaluation import examples
from cmx.files import grids


def row(modality, code, error, moved=False):
  measures = {"cosine": {"inverted": 0.5, "nearest": 0.75, "other": 0.25},
              "nearer": {"inverted": 0.125},
              "kept": {"before": 0.5, "inverted": 0.25, "nearest": 0.375},
              "same": {"inverted": 0.5, "nearest": 1.0}}
  return {"modality": modality, "code": code, "moved": moved, "examples": 1200, "spectrum": {},
          "measures": ({"error": {"inverted": 0.1, "nearest": 0.2, "mean": 0.3}} if error else {})
          | measures}


def tile(modality, category, answer):
  way = {"cosine": 0.5, "answer": answer}
  return {"modality": modality, "category": category, "row": 1, "answer": category,
          "inverted": way, "nearest": way} | ({"moved": way} if modality != "natural" else {})


def made(units=True):
  rng = np.random.default_rng(0)
  tiles = [tile(modality, category, "ski_slope") for modality in ("natural", "spatial_text")
           for category in ("beach", "ski_slope")]
  content = {"method": "c", "name": "C: Tune + StatReg (GMM)", "seed": 3, "layer": "fc7",
             "reference": "natural", "size": 8,
             "decoder": {"drawing": 16, "steps": 600, "parameters": 1234, "gallery": 900},
             "definitions": fidelity.definitions("fc7", "natural"),
             "spectrum": [1.0], "rows": [
               row("natural", "NAT", True), row("spatial_text", "SPT", False),
               row("spatial_text", "SPT", False, moved=True)],
             "tiles": tiles,
             "units": {"numbers": [4, 7], "modalities": ["natural"], "examples": [0, 2]}}
  pictures = {way: rng.integers(0, 255, (4, 8, 8, 3), dtype=np.uint8)
              for way in ("inverted", "moved", "nearest")}
  pictures["units"] = rng.integers(0, 255, (1, 2, 8, 8, 3), dtype=np.uint8)
  return result_lib.Inverted(content if units else content | {"units": None}, pictures)


def example(modality, row):
  text = modality == "spatial_text"
  return examples.Example(modality, "beach", "",
                          "a text" if text else np.zeros((8, 8, 3), np.uint8))


def test_a_result_comes_back_as_it_was_written(tmp_path):
  result = made()
  result_lib.write(tmp_path, result)
  again = result_lib.read(tmp_path)
  assert again.content == result.content
  assert {name: value.tolist() for name, value in again.pictures.items()} == {
    name: value.tolist() for name, value in result.pictures.items()}
  assert not list(tmp_path.glob("*.tmp*"))


def test_where_nothing_was_inverted_it_says_what_to_run(tmp_path):
  with pytest.raises(FileNotFoundError, match="holds no inversion; run launch.invert on the run"):
    result_lib.read(tmp_path)
  assert result_lib.folders(tmp_path) == []


def test_a_result_of_an_older_form_is_refused(tmp_path):
  content = {name: value for name, value in made().content.items() if name != "spectrum"}
  result_lib.write(tmp_path, result_lib.Inverted(content, {}))
  with pytest.raises(ValueError, match="spectrum.*run launch.invert again"):
    result_lib.read(tmp_path)


def test_the_table_has_percent_for_shares_and_a_dash_for_what_is_not_defined():
  text = result_lib.to_text(made().content)
  lines = [line.split() for line in text.splitlines()]
  words = [word for line in lines if line[:2] == ["NAT", "1,200"] for word in line[2:]]
  assert words == ["0.100", "0.200", "0.300", "0.500", "0.750", "0.250", "12.5", "50.0",
                   "25.0", "37.5", "50.0", "100.0"]
  assert ["SPT", "1,200", "-", "-", "-"] == next(line for line in lines if line[:1] == ["SPT"])[:5]
  assert any(line[:3] == ["SPT", "moved", "1,200"] for line in lines)
  assert "1,234 parameters, 600 steps" in text and "best of 900 training pictures" in " ".join(
    text.split())
  assert max(map(len, text.splitlines())) <= grids.WIDTH


def test_the_csv_has_a_line_for_each_number():
  rows = list(csv.DictReader(result_lib.to_csv(made().content).splitlines()))
  assert len(rows) == 12 + 9 + 9
  assert rows[0] == {"method": "c", "seed": "3", "layer": "fc7", "modality": "natural",
                     "moved": "False", "examples": "1200", "measure": "error",
                     "column": "inverted", "value": "0.1"}


def words(figure):
  return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_the_sheet_names_modalities_categories_ways_and_answers():
  with figures.style():
    found = words(sheet.modalities(made(), example))
  assert {"natural", "spatial text", "beach", "ski\nslope", "example", "inverted",
          "moved, inverted", "nearest picture", "0.50 ski slope"} <= set(found)
  assert any("Seed 3, validation split." in text for text in found) or "Seed 3" in " ".join(found)


def test_a_category_is_a_row_and_a_modality_a_column():
  with figures.style():
    figure = sheet.modalities(made(), example)
  where = {text.get_text(): text.get_position() for axis in figure.axes for text in axis.texts}
  assert where["natural"][0] < where["spatial text"][0]
  assert where["beach"][1] < where["ski\nslope"][1]
  assert sum(len(axis.images) for axis in figure.axes) == 2 * 3 + 2 * 4  # natural is not moved
  assert sheet.ways(made().content) == {"natural": ["inverted", "nearest"],
                                        "spatial_text": ["inverted", "moved", "nearest"]}


def test_a_wrong_answer_stands_out():
  with figures.style():
    figure = sheet.modalities(made(), example)
  colours = {text.get_color() for axis in figure.axes for text in axis.texts
             if text.get_text() == "0.50 ski slope"}
  assert len(colours) == 2  # right for one category, wrong for the other


def test_the_sheet_of_units_has_a_picture_of_each_unit_through_each_tower():
  with figures.style():
    figure = sheet.units(made(), example)
  assert {"unit 4", "unit 7", "through the tower of\nnatural"} <= set(words(figure))
  assert sum(len(axis.images) for axis in figure.axes) == 4


def test_the_spectra_of_inversions_stand_beside_real_pictures_own():
  result = made()
  result.content["spectrum"] = [4.0, 2.0, 1.0]
  for row in result.content["rows"]:
    row["spectrum"] = {"inverted": [3.0, 2.0, 0.5]}
  with figures.style():
    (axis,) = sheet.spectra(result).axes
  lines = {line.get_label(): line.get_ydata().tolist() for line in axis.lines}
  assert lines == {"real pictures of natural": [4, 2, 1], "inverted, natural": [3, 2, 0.5],
                   "inverted, spatial text": [3, 2, 0.5]}  # moved ones are left out
  for ticks in (axis.xaxis, axis.yaxis):
    assert ticks.get_major_formatter().format_ticks([1, 10]) == ["1", "10"]
