"""Tries cmx in the Python that runs this: every module, every command, a test file of each room and
a main job of a few steps. Ends with exit code 1 at the first part that fails, and says why.

  python .ci/smoke.py
"""

import ast
import importlib.metadata
import json
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("jaxlib", "flax", "numpy", "orbax-checkpoint")

# Enough examples that worker processes render them; steps and sizes as small as they can be.
JOB = {"data.world.image_size": 32, "data.world.natural": 40, "data.world.clipart": 10,
       "data.world.spatial_text": 10, "data.world.drawing": 5, "data.world.description": 5,
       "data.world.validation_natural": 4, "data.world.validation_other": 2,
       "network.channels": "(4,4,4,4)", "network.hidden": "(8,)", "network.trunk": 16,
       "reference.steps": 3, "reference.batch": 8, "optimizer.steps": 4, "optimizer.batch": 8,
       "mixture.components": 2, "mixture.iterations": 2, "evaluation.batch": 32}
ROWS = ("bl_shfinal", "c")


def main():
  versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
  print(f"newest Python: {platform.python_version()}, {versions}")
  for part in (modules, commands, tests, main_job):
    started = time.monotonic()
    try:
      done = part(ROOT)
    except subprocess.CalledProcessError as error:
      sys.exit(f"{error.stdout}{' '.join(map(str, error.cmd))} ended with {error.returncode}")
    print(f"newest Python: {done} in {time.monotonic() - started:.0f} s")


def run(root, *arguments, codes=(0,)):
  """Output of a Python process in the project; raises unless it ends with one of the codes."""
  ended = subprocess.run([sys.executable, *map(str, arguments)], cwd=root, text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
  if ended.returncode not in codes:
    raise subprocess.CalledProcessError(ended.returncode, [sys.executable, *arguments], ended.stdout)
  return ended.stdout


def modules(root):
  """Imports every module of cmx and benchmarks in one process, with warnings as errors."""
  names = [".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
           for folder in ("cmx", "configs", "benchmarks") for path in (root / folder).rglob("*.py")]
  run(root, "-W", "error", "-c", "import importlib, sys\nfor name in sys.argv[1:]:\n"
      "  importlib.import_module(name)", *sorted(names))
  return f"{len(names)} modules imported"


def commands(root):
  """Asks every command to explain itself."""
  names = [path.stem for path in sorted((root / "launch").glob("*.py"))
           if "__main__" in path.read_text()]
  for name in names:
    said = run(root, "-m", f"launch.{name}", "--help", codes=(0, 1))  # absl ends a --help with 1
    if "--help" not in said or "Traceback" in said:
      sys.exit(f"launch.{name} --help says: {said}")
  return f"{len(names)} commands explained"


def chosen(root):
  """A test file of each package of cmx, the one that takes least besides, and the flags' own."""
  texts = {path: path.read_text() for path in sorted((root / "tests").rglob("test_*.py"))}
  imports = {path: [node.module for node in ast.walk(ast.parse(text))
                    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cmx")]
             for path, text in texts.items()}
  found = {path for path in texts if path.name == "test_conftest.py"}
  for package in {path.parent for path in (root / "cmx").rglob("*.py") if path.stem != "__init__"}:
    name = ".".join(package.relative_to(root).parts)
    mine = [path for path, modules in imports.items() if name in modules]
    if not mine:
      sys.exit(f"no test file imports from {name}")
    found.add(min(mine, key=lambda path: ("subprocess" in texts[path], len(imports[path]),
                                          len(texts[path]))))
  return sorted(path.relative_to(root) for path in found)


def tests(root):
  """Runs them, XLA's flags of the tests among what they try."""
  files = chosen(root)
  said = run(root, "-m", "pytest", "-p", "no:cacheprovider", *files)
  return f"{len(files)} test files: {said.strip().splitlines()[-1].split(' in ')[0]}"


def main_job(root):
  """Makes a table as a user does."""
  with tempfile.TemporaryDirectory() as folder:
    fields = {**JOB, "data.root": f"{folder}/data"}
    run(root, "-m", "launch.reproduce", f"--workdir={folder}/run", f"--rows={','.join(ROWS)}",
        f"--compilation_cache={folder}/xla", *(f"--config.{k}={v}" for k, v in fields.items()))
    table = json.loads(pathlib.Path(folder, "run", "table.json").read_text())
  if any(row not in json.dumps(table) for row in ROWS):
    sys.exit(f"the main job's table has not the rows {ROWS}: {table}")
  return "a main job of a few steps"


if __name__ == "__main__":
  main()
