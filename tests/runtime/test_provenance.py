import platform
import shlex
import subprocess
import sys

import jax
import numpy as np

from cmx.runtime import provenance


def test_it_names_versions_command_and_devices():
  found = provenance.describe()
  assert found["versions"]["python"] == platform.python_version()
  assert found["versions"]["jax"] == jax.__version__
  assert found["versions"]["numpy"] == np.__version__
  assert shlex.split(found["command"]) == ["python", *sys.orig_argv[1:]]
  assert found["devices"] == "8 x cpu"


def test_commit_of_a_tree_says_when_it_was_changed(tmp_path):
  def git(*words):
    subprocess.run(["git", "-C", tmp_path, "-c", "user.name=x", "-c", "user.email=x@y", *words],
                   check=True, capture_output=True)
  git("init")
  (tmp_path / "file").write_text("a")
  git("add", "file")
  git("commit", "-m", "one")
  clean = provenance.commit(tmp_path)
  (tmp_path / "file").write_text("b")
  assert len(clean) == 12 and provenance.commit(tmp_path) == f"{clean}-dirty"


def test_outside_a_tree_there_is_no_commit(tmp_path, monkeypatch):
  monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
  assert provenance.commit(tmp_path) == ""
