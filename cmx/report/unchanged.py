"""Whether a page is still true: nothing that it was made of has changed since.

  <workdir>/report/made_of.json    a fingerprint of the runs' files, options and code; the figures
"""

import hashlib
import json
import pathlib
from collections.abc import Sequence

import cmx
from cmx.files import writing
from cmx.report import options as options_lib

_STAMP, _PAGE = "made_of.json", "report.html"
_OWN = ("report", "maps")  # folders that reports write
_PASSING = (writing.LOCK, writing.TEMPORARY)  # ends of names that come and go


def fingerprint(workdir: pathlib.Path, options: options_lib.Options,
                sections: Sequence[str]) -> str:
  """Hash of options, sections, code, and name, size and time of all files of the runs."""
  total = hashlib.sha256(repr((options, list(sections))).encode())
  code = pathlib.Path(cmx.__file__).parent
  for path in sorted(file for kind in ("*.py", "report/page.*") for file in code.rglob(kind)):
    total.update(path.read_bytes())
  for path in sorted(workdir.rglob("*")):
    name = path.relative_to(workdir)
    if (path.is_file() and path.name not in (_PAGE, "lock")
        and not path.name.endswith(_PASSING) and not set(_OWN) & set(name.parts)):
      about = path.stat()
      total.update(f"{name.as_posix()} {about.st_size} {about.st_mtime_ns}\n".encode())
  return total.hexdigest()[:32]


def still(workdir: pathlib.Path, stamp: str) -> bool:
  """Whether the page of a work directory is there, of this fingerprint, with all its figures."""
  folder = workdir / "report"
  try:
    made = json.loads((folder / _STAMP).read_text())
    return (made["fingerprint"] == stamp and (workdir / _PAGE).exists()
            and all((folder / name).exists() for name in made["figures"]))
  except (OSError, ValueError, KeyError, TypeError):
    return False


def keep(workdir: pathlib.Path, stamp: str) -> None:
  """Says of a page just written what it was made of."""
  folder = workdir / "report"
  folder.mkdir(parents=True, exist_ok=True)
  figures = sorted(path.name for path in folder.iterdir() if path.name != _STAMP)
  writing.write_text(folder / _STAMP, json.dumps({"fingerprint": stamp, "figures": figures}))
