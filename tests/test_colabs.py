"""The notebooks, executed cell by cell: the one trains an experiment, the other looks into it."""

import ast
import json
import pathlib

import matplotlib
import pytest
from PIL import Image

import tiny

FOLDER = pathlib.Path(__file__).parents[1] / "colabs"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(name):
  return json.loads((FOLDER / name).read_text())["cells"]


def execute(name, **parameters):
  """Runs a notebook with other values for its parameters; its names, and what its cells show."""
  names, shown = {}, []
  for cell in cells(name):
    if cell["cell_type"] != "code":
      continue
    tree = ast.parse("".join(cell["source"]))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)
    if "parameters" in cell["metadata"].get("tags", ()):
      names.update(parameters)
    if last is not None:
      shown.append(eval(compile(ast.Expression(last.value), name, "eval"), names))
  for value in shown:
    if isinstance(value, Image.Image):
      value.load()  # as showing it does: the file is closed
  return names, [value for value in shown if value is not None]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  folder = tmp_path_factory.mktemp("trained")
  changes = tiny.FIELDS | {"data.root": str(folder / "data"), "data.world.validation_other": 2,
                           "data.modalities": ("natural", "description"),
                           "inversion.steps": 2, "inversion.channels": (8, 4, 4),
                           "inversion.hidden": (8,), "inversion.batch": 8,
                           "inversion.optimisation.steps": 0}
  names, _ = execute("train_small.ipynb", WORKDIR=str(folder / "run"), ROWS=("c",), CHANGES=changes)
  return folder / "run", names


def test_the_small_experiment_trains_from_start_to_end(trained):
  folder, names = trained
  assert (folder / "table.txt").exists() and names["table"].startswith("Mean average precision")
  assert names["last"]["step"] == names["config"].optimizer.steps


def test_a_run_opens_and_shows_neighbours_map_units_and_inversion(trained, capsys):
  folder, _ = trained
  with matplotlib.rc_context():
    names, shown = execute("open_run.ipynb", WORKDIR=str(folder), RUN=str(folder / "seed_0" / "c"))
  said = capsys.readouterr().out
  assert "c after 6 steps: natural, description" in said
  assert "C: Tune + StatReg (GMM)" in said and "by chance" in said
  pictures = [value for value in shown if isinstance(value, Image.Image)]
  assert [picture.size for picture in pictures[:2]] == [(576, 192)] * 2  # 2 modalities, 6 examples
  assert len(pictures) == 4 and len(shown) == 5  # and the map, a figure
  assert names["vector"].shape == (16,)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs_and_are_plain_python(path):
  for cell in cells(path.name):
    if cell["cell_type"] == "code":
      assert cell["outputs"] == [] and cell["execution_count"] is None
      ast.parse("".join(cell["source"]))  # no magics: what runs here runs anywhere
