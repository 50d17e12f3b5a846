"""Where a result comes from: the command, the versions and the devices that made it."""

import importlib.metadata
import pathlib
import platform
import shlex
import subprocess
import sys
from typing import Any

import jax

_PACKAGES = ("cmx", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow-datasets",
             "numpy", "scikit-learn", "pillow")


def describe() -> dict[str, Any]:
  """This process as JSON: {"command", "versions": {package: version}, "devices", "commit"}."""
  devices = jax.devices()
  return {"command": shlex.join(["python", *sys.orig_argv[1:]]),
          "versions": {"python": platform.python_version(), **{p: _version(p) for p in _PACKAGES}},
          "devices": f"{len(devices)} x {devices[0].device_kind}", "commit": commit()}


def _version(package: str) -> str:
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:  # run from its tree
    return "not installed"


def commit(folder: pathlib.Path = pathlib.Path(__file__).parent) -> str:
  """Commit of the tree that this code runs from, "-dirty" where it was changed; "" without one."""
  try:
    command = ["git", "-C", folder, "describe", "--always", "--dirty", "--abbrev=12"]
    described = subprocess.run(command, capture_output=True, text=True, timeout=10,
                               check=False)
  except (OSError, subprocess.TimeoutExpired):
    return ""
  return described.stdout.strip()
