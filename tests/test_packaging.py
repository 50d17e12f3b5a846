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


LOCK = (ROOT / "requirements.lock").read_text()


def version(text):
  return tuple(map(int, re.findall(r"\d+", text)))


def test_what_is_locked_is_within_the_bounds_and_nothing_that_is_required_is_missing():
  locked = {}
  for name, number in re.findall(r"^([\w.-]+)==([\w.]+)", LOCK, re.MULTILINE):
    locked.setdefault(re.sub(r"[._-]+", "-", name).lower(), []).append(version(number))
  extras = "".join(EXTRAS[extra] for extra in ("test", "explore", "everyday", "hf", "parquet"))
  listed = SETUP["options"]["install_requires"] + extras
  bounds = re.findall(r"^([\w.-]+) (?:>= ([\d.]+), < ([\d.]+)|== ([\d.]+))$", listed, re.MULTILINE)
  assert len(bounds) >= 25
  for name, lowest, end, exact in bounds:
    found = locked[re.sub(r"[._-]+", "-", name).lower()]
    assert all(version(lowest) <= number < version(end) if end else number == version(exact)
               for number in found), f"{name}: run .ci/lock"


def test_every_locked_file_has_a_digest_and_no_host_is_named():
  entries = re.split(r"\n(?=\S)", LOCK.partition("-e .\n")[2].strip())
  assert len(entries) > 80 and all("--hash=sha256:" in entry for entry in entries)
  assert "://" not in LOCK and "index-url" not in LOCK
