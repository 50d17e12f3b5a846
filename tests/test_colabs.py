"""The notebooks, executed cell by cell: the one trains an experiment, the other looks into it."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import matplotlib
import pytest
from PIL import Image

import tiny
from cmx import config as config_lib
from cmx import data
from cmx.data.sets.rendered_world import categories
from cmx.data.sets.rendered_world import examples
from cmx.files import text

FOLDER = pathlib.Path(__file__).parents[1] / "colabs"
SIX_OF_TWO = 6 * 96, 2 * (96 + 2 * 18)  # examples of two modalities, their names below and above
FIELDS = {name: value for name, value in tiny.FIELDS.items() if not name.startswith("data.")}
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(name):
  return json.loads((FOLDER / name).read_text())["cells"]


def execute(name, **parameters):
  """Runs a notebook with other values for its parameters; its names, and what its cells show."""
  names, shown = {}, []
  with pytest.MonkeyPatch.context() as patch:
    patch.chdir(FOLDER)  # where it lies
    patch.setattr(sys, "stderr", sys.stderr)  # put back: notebooks have one stream
    patch.setattr(sys, "path", list(sys.path))
    _run(name, parameters, names, shown)
  for value in shown:
    if isinstance(value, Image.Image):
      value.load()  # as showing it does: the file is closed
  return names, [value for value in shown if value is not None]


def _run(name, parameters, names, shown):
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  folder = tmp_path_factory.mktemp("trained")
  changes = tiny.FIELDS | {"data.root": str(folder / "data"), "data.world.validation_other": 2,
                           "data.modalities": ("natural", "description"),
                           "inversion.steps": 2, "inversion.maps": (4, 8),
                           "inversion.drawing": 2, "inversion.batch": 8,
                           "inversion.optimisation.steps": 0}
  names, shown = execute("train_small.ipynb", WORKDIR=str(folder / "run"), ROWS=("c",),
                         CHANGES=changes, FIELDS=FIELDS)
  return folder / "run", names, shown


def test_the_small_experiment_trains_from_start_to_end(trained):
  folder, names, shown = trained
  assert (folder / "table.txt").exists() and names["table"]
  assert names["lines"][-1]["step"] == names["config"].optimizer.steps
  curves, near = shown
  assert curves.size == (800, 300) and near.size == SIX_OF_TWO
  assert {name: x.shape[1] for name, x in names["found"].items()} == {"digit": 16, "bars": 16}


def test_a_run_opens_and_shows_neighbours_map_units_and_inversion(trained, capsys):
  folder, _, _ = trained
  with matplotlib.rc_context():
    names, shown = execute("open_run.ipynb", WORKDIR=str(folder), RUN=str(folder / "seed_0" / "c"))
  said = capsys.readouterr()
  assert "C: Tune + StatReg (GMM)" in said.out and "by chance" in said.out
  assert said.err == ""  # what notebooks show as errors
  assert repr(shown[0]).startswith("cmx run ") and "texts by hashing" in repr(shown[0])
  assert [type(value).__name__ for value in shown[1:]] == ["Image"] * 2 + ["PngImageFile"] * 3
  assert [picture.size for picture in shown[1:3]] == [SIX_OF_TWO] * 2
  assert names["vector"].shape == (16,) and len(names["keys"]) == len(names["scores"]) == 5


def test_every_word_of_the_sentence_is_one_that_the_encoder_has_seen():
  """By default descriptions are read as bags of words: unseen ones say nothing."""
  parameters = next("".join(cell["source"]) for cell in cells("open_run.ipynb")
                    if "parameters" in cell["metadata"].get("tags", ()))
  names = {}
  exec(parameters, names)
  world = config_lib.World()
  rendered = (examples.example(world.seed, "description", data.TRAIN, index, world.image_size)
              for index in range(world.description * len(categories.NAMES)))
  seen = {word for one in rendered for word in text.words(one.input.lower())}
  assert not set(text.words(names["SENTENCE"].lower())) - seen
  assert names["CATEGORY"] in categories.NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_find_the_root_or_say_what_is_missing(path, tmp_path):
  setup = "".join(next(cell for cell in cells(path.name) if cell["cell_type"] == "code")["source"])
  program = setup + "\nprint(pathlib.Path.cwd())"
  for folder, code, words in ((FOLDER, 0, str(FOLDER.parent)), (tmp_path, 1, "set REPOSITORY")):
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=os.environ,
                          capture_output=True, text=True, check=False)
    assert done.returncode == code and words in done.stdout + done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_that_lies_alone_clones_from_where_it_is_told(path, tmp_path):
  origin = tmp_path / "origin"
  (origin / "cmx").mkdir(parents=True)
  (origin / "cmx" / "methods.py").write_text("")
  git = ["git", "-C", str(origin), "-c", "user.name=a", "-c", "user.email=a@b"]
  for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
    subprocess.run([*git, *words], check=True)
  setup = "".join(next(cell for cell in cells(path.name) if cell["cell_type"] == "code")["source"])
  program = setup.replace('REPOSITORY = ""', f'REPOSITORY = "file://{origin}"')
  (tmp_path / "alone").mkdir()
  done = subprocess.run([sys.executable, "-c", f"{program}\nprint(pathlib.Path.cwd())"],
                        cwd=tmp_path / "alone", capture_output=True, text=True, check=False)
  assert done.stdout.strip().endswith(str(tmp_path / "alone" / "cmx")), done.stdout + done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs_and_are_plain_python(path):
  for cell in cells(path.name):
    if cell["cell_type"] == "code":
      assert cell["outputs"] == [] and cell["execution_count"] is None
      ast.parse("".join(cell["source"]))  # no magics: what runs here runs anywhere
