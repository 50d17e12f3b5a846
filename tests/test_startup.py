"""What a command does before it imports what takes seconds: reads its flags, and says that it runs.

Modules are counted, not seconds, which depend on the machine and on who else uses it.
"""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
COMMANDS = ["check", "cost", "evaluate", "export", "extend", "extract", "fit", "invert", "ladder",
            "map", "prepare", "replay", "report", "reproduce", "spatial_text", "study", "train",
            "units", "verify"]
# What each of them needs beside the flag that is tried.
NEEDED = {
  "evaluate": ["--runs=."],
  "export": ["--workdir=.", "--modality=sound"],
  "extend": ["--workdir=.", "--modality=sound"],
  "extract": ["--workdir=."], "fit": ["--reference=."],
  "invert": ["--workdir=."], "ladder": ["--reference=."], "map": ["--workdir=."],
  "replay": ["--dump=setup.cfg"], "report": ["--workdir=."],
  "spatial_text": ["--annotations=.", "--out=x.zip"],
  "train": ["--workdir=."], "units": ["--workdir=."], "verify": ["--workdir=."]}
TRIED = ["--wrong", "--helpshort", "--config.nothing=1", "--config.optimizer.steps=many",
         "--config.optimizer.batch=0", "--config.method=bl_nd", "--config=configs/nowhere.py"]

# Calls every command with a flag in one process, as if each were the first, and prints what they
# say; ends with the modules that are imported by then.
EVERY_COMMAND = """
import importlib, sys
from absl import app, flags
app.define_help_flags()
before = set(flags.FLAGS)
for line in sys.stdin.read().splitlines():
  name, *words = line.split()
  for flag in set(flags.FLAGS) - before:
    delattr(flags.FLAGS, flag)
  for module in [module for module in sys.modules if module.split(".")[0] == "launch"]:
    del sys.modules[module]
  sys.argv = [f"launch.{name}", *words]
  module = importlib.import_module(f"launch.{name}")
  try:
    module.common.run(module.main)
    print(f"{line}: runs")
  except SystemExit as end:
    print(f"{line}: {end.code}".splitlines()[0])
print("imported:", *{module.split(".")[0] for module in sys.modules})
"""

# Runs a command in whose process JAX cannot be imported, and says where it is tried.
WITHOUT_JAX = """
import importlib, sys
class Refusing:
  def find_spec(self, name, *args):
    if name == "jax":
      sys.exit("JAX is imported")
sys.meta_path.insert(0, Refusing())
sys.argv = [f"launch.{sys.argv[1]}", *sys.argv[2:]]
module = importlib.import_module(sys.argv[0])
module.common.run(module.main)
"""


def python(program, *words, given=""):
  return subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, input=given, text=True,
                        capture_output=True, check=False, timeout=100,
                        env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_flags_are_answered_before_anything_heavy_is_imported():
  lines = [" ".join([name, *NEEDED.get(name, []), flag]) for name in COMMANDS for flag in TRIED]
  done = python(EVERY_COMMAND, given="\n".join(lines))
  assert done.returncode == 0, done.stderr
  said = done.stdout.splitlines()
  answers = {line: next((answer for answer in said if answer.startswith(f"{line}: ")), None)
             for line in lines}
  for line, answer in answers.items():
    if line.endswith("--helpshort"):
      assert answer is not None and answer.endswith(": 1"), line  # absl's code for help
    else:
      assert answer is not None and "Flags: " in answer, (line, answer)
  imported = set(said[-1].split()[1:])
  heavy = {"jax", "jaxlib", "flax", "optax", "orbax", "tensorflow_datasets", "matplotlib",
           "sklearn", "scipy", "torch"}
  assert "launch" in imported and not imported & heavy


@pytest.mark.parametrize("words", [["reproduce", "--rows=c,bl_nd"], ["study", "--rows=c,c"],
                                   ["cost", "--rows="], ["report", "--workdir=not_there"],
                                   ["report", "--layer=fc9"], ["map", "--layer=FC7"],
                                   ["reproduce", "--seeds=1000000000"],
                                   ["study", "--holdout=2"],
                                   ["extract", "--workdir=not_there"]], ids=" ".join)
def test_rows_and_folders_are_checked_with_the_flags(words):
  done = python(WITHOUT_JAX, *words)
  assert done.returncode == 1 and done.stderr.startswith("Flags: "), done.stderr
  assert words[1].split("=")[0].lstrip("-") in done.stderr


@pytest.mark.parametrize("words, answer", [
  (["report"], "--workdir is needed: Folder of the run or experiment."),
  (["report", "--workdir=not_there"],
   "--workdir not_there: there is nothing; expected a file or folder that there is"),
  (["extend", "--workdir=."], "--modality is needed: Name of the new modality.")],
  ids=lambda given: " ".join(given) if isinstance(given, list) else "")
def test_a_flag_that_is_wrong_or_missing_is_named_once(words, answer):
  done = python(WITHOUT_JAX, *words)
  assert done.returncode == 1
  assert done.stderr == f"Flags: {answer}\nSee --helpshort for the flags of this command.\n"


def test_a_line_is_on_the_screen_before_jax_is_imported(tmp_path):
  done = python(WITHOUT_JAX, "reproduce", f"--workdir={tmp_path / 'run'}")
  assert done.stderr.splitlines() == ["cmx reproduce: starting JAX ...", "JAX is imported"]


def test_every_command_is_tried_here():
  entries = {path.stem for path in (ROOT / "launch").glob("*.py")
             if "common.run(main" in path.read_text()}
  assert entries == set(COMMANDS)
