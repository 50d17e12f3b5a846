"""What runs the tests elsewhere: exit codes, closing lines, what the newest Python is tried on."""

import importlib.util
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("smoke", ROOT / ".ci" / "smoke.py")
smoke = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(smoke)


def script(path, *lines):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
  path.chmod(0o755)


def started(path, *first):
  """Runs a script, with folders of programs to be found first -> (exit code, lines it printed)."""
  ended = subprocess.run([path], capture_output=True, text=True, check=False, env={
    **os.environ, "PATH": os.pathsep.join([*map(str, first), os.environ["PATH"]])})
  return ended.returncode, ended.stdout.splitlines()


@pytest.mark.parametrize("tests, newest, code", [(0, 0, 0), (1, 0, 1), (0, 3, 3), (2, 3, 2)])
def test_it_fails_if_either_fails_and_ends_with_the_closing_line(tmp_path, tests, newest, code):
  (tmp_path / ".ci").mkdir()
  shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
  script(tmp_path / ".ci" / "newest", "echo newest", f"exit {newest}")
  script(tmp_path / "bin" / "python3", "exit 0")  # makes no environment
  script(tmp_path / ".venv" / "bin" / "pip", "exit 0")
  script(tmp_path / ".venv" / "bin" / "python", "echo ....F", "echo 5 ended", f"exit {tests}")
  assert started(tmp_path / ".ci" / "run", tmp_path / "bin") == (
    code, ["....F", "5 ended", "newest", "5 ended"])


def test_without_an_environment_it_fails_at_once(tmp_path):
  (tmp_path / ".ci").mkdir()
  shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
  script(tmp_path / "bin" / "python3", "exit 1")
  assert started(tmp_path / ".ci" / "run", tmp_path / "bin") == (1, [])


@pytest.mark.parametrize("program, line", [("id", "echo 1000"), ("unshare", "exit 1")])
def test_where_the_newest_python_cannot_be_tried_it_says_why(tmp_path, program, line):
  script(tmp_path / "id", "echo 0")
  script(tmp_path / program, line)
  code, said = started(ROOT / ".ci" / "newest", tmp_path)
  assert code == 0 and len(said) == 1 and "not tried" in said[0]


def test_a_test_file_of_each_package_is_tried():
  files = smoke.chosen(ROOT)
  text = "\n".join((ROOT / file).read_text() for file in files)
  packages = {path.parent.relative_to(ROOT / "cmx") for path in (ROOT / "cmx").rglob("*.py")
              if path.stem != "__init__"}
  assert "test_conftest.py" in {file.name for file in files} and len(files) <= len(packages) + 1
  for package in packages:
    assert f"from {'.'.join(('cmx', *package.parts))} import " in text


def test_a_package_without_tests_is_refused(tmp_path):
  (tmp_path / "cmx" / "alone").mkdir(parents=True)
  (tmp_path / "cmx" / "alone" / "one.py").touch()
  (tmp_path / "tests").mkdir()
  with pytest.raises(SystemExit, match="cmx.alone"):
    smoke.chosen(tmp_path)


@pytest.mark.parametrize("text", [
  "import that_nobody_has", "import warnings\nwarnings.warn('old')"])
def test_a_module_that_does_not_import_in_silence_is_refused(tmp_path, text):
  (tmp_path / "cmx").mkdir()
  (tmp_path / "cmx" / "fine.py").touch()
  assert smoke.modules(tmp_path) == "1 modules imported"
  (tmp_path / "cmx" / "bad.py").write_text(text)
  with pytest.raises(subprocess.CalledProcessError) as refused:
    smoke.modules(tmp_path)
  assert "bad.py" in refused.value.stdout


def test_a_command_that_does_not_explain_itself_is_refused(tmp_path):
  command = tmp_path / "launch" / "one.py"
  command.parent.mkdir()
  command.write_text("if __name__ == '__main__':\n  print('--help'); raise SystemExit(1)")
  assert smoke.commands(tmp_path) == "1 commands explained"
  command.write_text("if __name__ == '__main__':\n  raise ValueError('--help')")
  with pytest.raises(SystemExit, match="launch.one"):
    smoke.commands(tmp_path)
