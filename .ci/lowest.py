"""Prints the lowest versions that setup.cfg allows, as constraints of pip.

  .venv/bin/pip install -e '.[test]' -c <(python3 .ci/lowest.py)
"""

import configparser
import pathlib
import re

SETUP = pathlib.Path(__file__).parents[1] / "setup.cfg"


def lowest(text: str) -> list[str]:
  """["jax==0.10.2", ...] of every requirement in a setup.cfg's text, extras included."""
  setup = configparser.ConfigParser()
  setup.read_string(text)
  listed = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
  pairs = re.findall(r"^([\w.-]+)(?:\[\w+\])? *[>=]= *([\w.]+)", "\n".join(listed), re.MULTILINE)
  return sorted({f"{name}=={version}" for name, version in pairs})


if __name__ == "__main__":
  print("\n".join(lowest(SETUP.read_text())))
