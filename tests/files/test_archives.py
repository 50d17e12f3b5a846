"""Archives: every kind gives the same, nothing unsafe or damaged gets through."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from cmx.files import archives

FILES = {"text/abbey/0.txt": b"stones " * 400, "text/abbey/1.txt": b"", "text/alley/0.txt": b"bins",
         "top.txt": b"\x00\xff" * 70_000}


def _tar(path, files=FILES, mode="w", extra=()):
  with tarfile.open(path, mode) as archive:
    for name, content in files.items():
      info = tarfile.TarInfo(name)
      info.size = len(content)
      archive.addfile(info, io.BytesIO(content))
    for info in extra:
      archive.addfile(info)
  return path


def _zip(path, files=FILES, method=zipfile.ZIP_DEFLATED):
  with zipfile.ZipFile(path, "w", method) as archive:
    for name, content in files.items():
      archive.writestr(name, content)
  return path


def _folder(path):
  for name, content in FILES.items():
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(content)
  return path


MAKERS = {
  "stored.zip": lambda path: _zip(path, method=zipfile.ZIP_STORED), "deflated.zip": _zip,
  "plain.tar": _tar, "x.tar.gz": lambda path: _tar(path, mode="w:gz"),
  "x.tgz": lambda path: _tar(path, mode="w:gz"), "x.tar.bz2": lambda path: _tar(path, mode="w:bz2"),
  "x.tar.xz": lambda path: _tar(path, mode="w:xz"), "folder": _folder}


@pytest.mark.parametrize("name", MAKERS)
def test_every_kind_of_archive_gives_the_same_files(name, tmp_path):
  path = MAKERS[name](tmp_path / name)
  found = list(archives.members(path))
  with archives.Reader(path) as reader:
    assert {member.name: reader.read(member) for member in found} == FILES
    assert [member.size for member in found] == [len(FILES[member.name]) for member in found]
    again = {member.name: reader.read(member) for member in reversed(found)}  # backwards, too
  assert again == FILES


@pytest.mark.parametrize("name, stream", [
  ("x.tar.gz", True), ("x.tar.bz2", True), ("x.tar.xz", True), ("plain.tar", False),
  ("deflated.zip", False), ("folder", False)])
def test_compressed_tars_alone_are_streams(name, stream, tmp_path):
  assert archives.is_stream(MAKERS[name](tmp_path / name)) == stream


def test_order_is_that_of_the_archive(tmp_path):
  files = {"b": b"1", "a": b"2", "c": b"3"}
  for path in (_tar(tmp_path / "x.tar", files), _zip(tmp_path / "x.zip", files)):
    assert [member.name for member in archives.members(path)] == ["b", "a", "c"]


def test_what_desktops_leave_behind_is_left_out(tmp_path):
  path = _zip(tmp_path / "x.zip", {"__MACOSX/a.txt": b"", "a/.DS_Store": b"", "a/b.txt": b"b"})
  assert [member.name for member in archives.members(path)] == ["a/b.txt"]


def _info(name, kind, target=""):
  info = tarfile.TarInfo(name)
  info.type, info.linkname = kind, target
  return info


@pytest.mark.parametrize("info", [
  _info("a", tarfile.SYMTYPE, "/etc/passwd"), _info("a", tarfile.LNKTYPE, "top.txt"),
  _info("a", tarfile.CHRTYPE), _info("a", tarfile.FIFOTYPE)])
def test_links_and_devices_in_a_tar_are_refused(info, tmp_path):
  path = _tar(tmp_path / "x.tar", extra=[info])
  with pytest.raises(ValueError, match="x.tar holds a, a link or device; expected files and "
                                       "folder"):
    list(archives.members(path))


def test_links_in_a_zip_or_folder_are_refused(tmp_path):
  info = zipfile.ZipInfo("a")
  info.external_attr = (stat.S_IFLNK | 0o777) << 16
  with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
    archive.writestr(info, "/etc/passwd")
  with pytest.raises(ValueError, match="x.zip holds a, a link or device"):
    list(archives.members(tmp_path / "x.zip"))
  folder = _folder(tmp_path / "folder")
  os.symlink("/etc", folder / "text" / "link")
  with pytest.raises(ValueError, match="folder holds text/link, a link or device"):
    list(archives.members(folder))


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", "C:/a", "a\\..\\b"])
def test_names_that_lead_out_are_refused(name, tmp_path):
  path = _tar(tmp_path / "x.tar", {name: b"x"})
  with pytest.raises(ValueError, match="a name that leads out of the archive"):
    list(archives.members(path))


def test_encrypted_and_unusually_compressed_members_are_refused(tmp_path):
  path = _zip(tmp_path / "x.zip", {"a": b"x"}, zipfile.ZIP_BZIP2)
  with pytest.raises(ValueError, match="x.zip holds a, encrypted or compressed in an unusual way"):
    list(archives.members(path))


def test_members_of_absurd_size_are_refused(tmp_path):
  info = tarfile.TarInfo("huge")
  info.size = 64_000_001
  (tmp_path / "x.tar").write_bytes(info.tobuf() + bytes(10_240))
  with pytest.raises(ValueError, match="huge of 64,000,001 bytes; expected 64,000,000"):
    list(archives.members(tmp_path / "x.tar"))


def test_a_zip_bomb_inflates_to_the_stated_size_at_most(tmp_path):
  path = _zip(tmp_path / "x.zip", {"a": bytes(50_000)})
  member = next(archives.members(path))
  with archives.Reader(path) as reader, pytest.raises(ValueError, match="its checksum differs"):
    reader.read(member._replace(size=1_000))


@pytest.mark.parametrize("name", ["deflated.zip", "plain.tar", "x.tar.gz", "x.tar.xz"])
def test_archives_that_are_cut_short_are_refused(name, tmp_path):
  path = MAKERS[name](tmp_path / name)
  path.write_bytes(path.read_bytes()[:-11_000 if name == "plain.tar" else -40])
  with pytest.raises(ValueError, match=f"{name} does not read as a zip or tar archive .* again"):
    list(archives.members(path))


def test_a_page_that_was_downloaded_in_its_place_is_no_archive(tmp_path):
  (tmp_path / "x.zip").write_text("<html>Not found</html>" * 100)
  with pytest.raises(ValueError, match="x.zip is an HTML page: .* expected a zip or tar archive"):
    list(archives.members(tmp_path / "x.zip"))


def test_a_flipped_bit_in_a_zip_is_found(tmp_path):
  path = _zip(tmp_path / "x.zip", {"a/b.txt": os.urandom(500)}, zipfile.ZIP_STORED)
  member = next(archives.members(path))
  content = bytearray(path.read_bytes())
  content[200] ^= 1
  path.write_bytes(content)
  with archives.Reader(path) as reader, pytest.raises(ValueError, match="a/b.txt does not read "
                                                                        ".its checksum "
                                                                        "differs.*again"):
    reader.read(member)


def test_an_archive_that_changes_under_the_reader_is_found(tmp_path):
  path = _zip(tmp_path / "x.zip", {"a": b"x" * 100, "b": b"y" * 100})
  last = list(archives.members(path))[1]
  _zip(path, {"longer_name": b"z" * 300})
  with archives.Reader(path) as reader, pytest.raises(ValueError, match="b does not read"):
    reader.read(last)


@pytest.mark.parametrize("content, words", [
  (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS"),
  (b"Rar!\x1a\x07" + b"x" * 60, "RAR"), (b"7z\xbc\xaf\x27\x1c" + b"x" * 60, "7-Zip"),
  (b"\x28\xb5\x2f\xfd" + b"x" * 60, "zstd"), (b"%PDF-1.5" + b"x" * 60, "PDF"),
  (b"\xff\xd8\xff\xe0" + b"x" * 60, "JPEG"), (b"\x89HDF\r\n\x1a\n" + b"x" * 60, "HDF5")])
def test_what_is_no_archive_is_named(tmp_path, content, words):
  (tmp_path / "clipart.tar").write_bytes(content)
  with pytest.raises(ValueError, match=f"clipart.tar is .*{words}"):
    list(archives.members(tmp_path / "clipart.tar"))


@pytest.mark.parametrize("name", [
  "__MACOSX/a/1.png", "a/@eaDir/1.png", "a/Thumbs.db", "a/.DS_Store", "a/desktop.ini",
  "lost+found/1.png", "a/Icon\r", "a/__pycache__/x.pyc"])
def test_what_desktops_leave_behind_is_passed_over(tmp_path, name):
  with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
    archive.writestr("a/1.png", b"x")
    archive.writestr(name, b"x")
  assert [member.name for member in archives.members(tmp_path / "x.zip")] == ["a/1.png"]
