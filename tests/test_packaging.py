"""What setup.cfg says of the libraries that cmx needs."""

import ast
import configparser
import importlib.metadata
import importlib.util
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXTRAS = SETUP["options.extras_require"]


def names(requirements):
  """Distributions that a list of setup.cfg requires, as pip spells them."""
  found = re.findall(r"^[\w.-]+", requirements, re.MULTILINE)
  return {re.sub(r"[._-]+", "-", name).lower() for name in found}


def imported(*folders):
  """Top-level names that are imported and neither the standard library's nor ours."""
  files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
  ours = {path.stem for path in [*ROOT.iterdir(), *(ROOT / "tests").rglob("*.py")]}
  found = set()
  for node in (node for path in files for node in ast.walk(ast.parse(path.read_text()))):
    if isinstance(node, ast.Import):
      found |= {alias.name.split(".")[0] for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and not node.level:
      found.add(node.module.split(".")[0])
  return found - ours - sys.stdlib_module_names


@pytest.mark.parametrize("folders, extras", [
  (("cmx", "launch", "configs"), ("explore", "everyday", "beam", "hf", "parquet")),
  (("tests",), ("test",)), (("benchmarks",), ("bench",))], ids=["program", "tests", "benchmarks"])
def test_what_is_imported_is_required(folders, extras):
  required = names("\n".join([SETUP["options"]["install_requires"], *(EXTRAS[e] for e in extras)]))
  homes = {"faiss": ["faiss-cpu"], **importlib.metadata.packages_distributions()}
  missing = [name for name in imported(*folders) if not required & {
    re.sub(r"[._-]+", "-", home).lower() for home in homes.get(name, [name])}]
  assert not missing, f"add to setup.cfg what is imported: {', '.join(sorted(missing))}"


def test_each_requirement_has_a_lowest_version_and_one_that_it_stops_before():
  listed = "\n".join([SETUP["options"]["install_requires"], EXTRAS["test"]])
  loose = [line for line in listed.split("\n") if line and not line.startswith("#")
           and not re.fullmatch(r"[\w.-]+ (>= [\d.]+, < [\d.]+|== [\d.]+)", line)]
  assert not loose, "\n".join(loose)


def test_the_lowest_versions_are_read_off_setup_cfg():
  spec = importlib.util.spec_from_file_location("lowest", ROOT / ".ci" / "lowest.py")
  lowest = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(lowest)
  text = """[options]
install_requires =
    # its own
    jax >= 0.10.2, < 0.13
    array_record >= 0.8.1, < 0.9
[options.extras_require]
tpu =
    jax[tpu] >= 0.10.2, < 0.13
test =
    resvg-py == 0.5.0
    %(tpu)s
"""
  assert lowest.lowest(text) == ["array_record==0.8.1", "jax==0.10.2", "resvg-py==0.5.0"]
  assert len(lowest.lowest(lowest.SETUP.read_text())) >= 20
