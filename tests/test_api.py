"""What `import cmx` gives: three names, nothing imported before them, and the README's lines."""

import ast
import pathlib
import re
import subprocess
import sys

import numpy as np

import cmx
import tiny
import untrained
from cmx import fields
from cmx.experiment import reproduce

ROOT = pathlib.Path(__file__).parents[1]


def test_importing_cmx_imports_nothing_else():
  program = "import cmx, sys; print(*{name.split('.')[0] for name in sys.modules})"
  said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True,
                        check=True).stdout.split()
  assert "cmx" in said and not {"jax", "numpy", "sklearn", "absl"} & set(said)


def test_cmx_exports_these_names_and_no_more():
  assert sorted(cmx.__all__) == ["Alignment", "__version__", "load"]
  assert set(cmx.__all__) <= set(dir(cmx)) and not hasattr(cmx, "train")
  assert cmx.load.__module__ == "cmx.experiment.run"
  assert cmx.Alignment.__module__ == "cmx.experiment.estimator"


def test_the_version_is_written_once_and_read_without_running_anything():
  tree = ast.parse((ROOT / "cmx" / "__init__.py").read_text())
  values = [node.value.value for node in tree.body if isinstance(node, ast.Assign)
            and node.targets[0].id == "__version__"]
  assert values == [cmx.__version__]
  assert "version = attr: cmx.__version__" in (ROOT / "setup.cfg").read_text()


def readme_code(pattern):
  """The one piece of the README that matches."""
  (found,) = re.findall(pattern, (ROOT / "README.md").read_text(), re.DOTALL)
  return found


def test_the_three_lines_of_the_readme_run_as_printed(tmp_path, monkeypatch):
  tiny.dataset(tmp_path / "data", **tiny.TWO)
  run = untrained.of(tiny.config(tmp_path / "data", **tiny.TWO))
  untrained.keep(tmp_path / "runs" / "mine" / "seed_0" / "c", run)
  monkeypatch.chdir(tmp_path)
  names = {}
  exec(readme_code(r"```python\n(.*?)```"), names)
  assert names["vectors"].shape == (1, 16) and names["vectors"].dtype == np.float32
  assert names["keys"].shape == names["scores"].shape == (1, 10)
  assert names["run"].example(names["keys"][0, 0]).modality == "natural"


def test_the_line_of_the_readme_for_arrays_runs_as_printed(monkeypatch):
  train_row = reproduce.train_row
  changes = {name: value for name, value in tiny.FIELDS.items() if not name.startswith("data.")}
  monkeypatch.setattr(reproduce, "train_row", lambda config, *rest: train_row(
    fields.replace(config, changes), *rest))
  rng = np.random.default_rng(0)
  names = {"cmx": cmx, "x": rng.normal(size=(8, 5)), "y": [0, 1] * 4,
           "x2": rng.normal(size=(6, 3)), "y2": [1, 0] * 3}
  found = eval(readme_code(r"`(cmx\.Alignment.*?)`,"), names)
  assert {name: part.shape for name, part in found.items()} == {"photo": (8, 16)}
