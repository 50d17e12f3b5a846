"""Test set-up: the CPU backend with eight simulated devices, set before JAX is imported."""

import gc
import importlib
import importlib.metadata
import os
import pathlib
import sys
import tempfile

from absl import app
from absl import flags
import pytest

ROOT = pathlib.Path(__file__).parents[1]
JAXLIB = tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:3]))

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = ("--xla_force_host_platform_device_count=8 "
                           "--xla_cpu_parallel_codegen_split_count=1")  # cores have other tests
if JAXLIB < (0, 11, 1):  # a flag that jaxlib does not know ends every process
  os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"  # compiles in 2/3 the time
os.environ["NPROC"] = "32"  # fewer threads than devices deadlock in a collective
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # compiling is most of the tests' time

# Tests and the processes that they start compile the same small networks again and again, and what
# writes a PDF would embed fonts most of its time. Workers inherit both from the process above them.
# Who names a folder for the programs keeps them for the next time.
if "PYTEST_XDIST_WORKER" not in os.environ:
  FOLDER = tempfile.TemporaryDirectory(prefix="cmx_tests_")
  os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", FOLDER.name)
  os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
  SETTINGS = pathlib.Path(FOLDER.name) / "matplotlibrc"
  SETTINGS.write_text("pdf.use14corefonts: True\n")
  os.environ["MATPLOTLIBRC"] = str(SETTINGS)


def pytest_collection_finish():
  """To look through all that was imported, after each few objects, takes a tenth of the time."""
  gc.freeze()
  gc.set_threshold(100_000, 50, 50)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
  """The folder of `tiny`'s data set, prepared; for reading."""
  import tiny  # and JAX with it, which most tests here need and some do not
  folder = tmp_path_factory.mktemp("data")
  tiny.dataset(folder)
  return folder


@pytest.fixture(scope="session")
def run(root):
  """A run on that data set that was never trained."""
  import untrained
  return untrained.run(root)


@pytest.fixture
def forget():
  """Makes the next import of an entry point the first, as in a process of its own."""
  app.define_help_flags()
  defined = set(flags.FLAGS)

  def forget():
    for module in [name for name in sys.modules if name.split(".")[0] == "launch"]:
      del sys.modules[module]
    for flag in set(flags.FLAGS) - defined:
      delattr(flags.FLAGS, flag)

  yield forget
  forget()


@pytest.fixture
def launch(monkeypatch, capsys, forget):
  """`python -m launch.<name> *arguments` in this process -> (exit code, what it printed)."""
  import jax  # after the environment is set

  from cmx.runtime import signals
  monkeypatch.setattr(signals, "_install", lambda: None)  # this process goes on after a command
  kept = jax.config.jax_compilation_cache_dir
  monkeypatch.chdir(ROOT)

  def call(name, *arguments):
    monkeypatch.setattr(sys, "argv", [f"launch.{name}", *map(str, arguments)])
    forget()
    module = importlib.import_module(f"launch.{name}")
    code = 0
    try:
      module.common.run(module.main)
    except SystemExit as end:
      code = end.code
    printed = capsys.readouterr()
    words = "" if code is None or isinstance(code, int) else code
    return (1 if words else code or 0), printed.out + printed.err + words

  yield call
  jax.config.update("jax_compilation_cache_dir", kept)
