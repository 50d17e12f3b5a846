"""Manifests: a flipped bit, a cut, a missing and a swapped file are noticed, and named."""

import json
import os
import time

import pytest

from cmx.files import manifest

AGAIN = "Run it again"


@pytest.fixture
def folder(tmp_path):
  """A sealed folder of two files, one of them in a folder of its own."""
  made = tmp_path / "features"
  (made / "natural").mkdir(parents=True)
  (made / "natural" / "fc7.npy").write_bytes(bytes(range(200)))
  (made / "card.json").write_text('{"layers": ["fc7"]}')
  manifest.seal(manifest.of(made), AGAIN)
  return made


def change(path, content):
  """Another content with the times of the old one, as a disk that rots gives it."""
  state = path.stat()
  time.sleep(0.01)  # the system's clock of changes ticks every few milliseconds
  path.write_bytes(content)
  os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def flipped(content, bit=700):
  changed = bytearray(content)
  changed[bit // 8] ^= 1 << bit % 8
  return bytes(changed)


def test_it_says_sha_256_size_and_time_of_every_file_and_how_it_is_had_again(folder):
  said = json.loads((folder / "sha256.json").read_text())
  assert said["again"] == AGAIN and list(said["files"]) == ["card.json", "natural/fc7.npy"]
  assert said["files"]["natural/fc7.npy"] == {
    "sha256": "1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f", "size": 200,
    "time": (folder / "natural" / "fc7.npy").stat().st_mtime_ns}


def test_what_is_whole_passes_again_and_again_and_is_read_once(folder, monkeypatch):
  assert manifest.check(manifest.of(folder))
  monkeypatch.setattr(manifest, "digest", lambda file: pytest.fail(f"{file} is read again"))
  assert manifest.check(manifest.of(folder))


def test_a_copy_passes(folder, tmp_path):
  other = tmp_path / "copy"
  other.mkdir()
  for name in ("card.json", "sha256.json"):
    (other / name).write_bytes((folder / name).read_bytes())
  (other / "natural").mkdir()
  (other / "natural" / "fc7.npy").write_bytes(bytes(range(200)))
  with manifest.lightly():
    assert manifest.check(manifest.of(other))


DAMAGE = {
  "has another content than was written": lambda path: change(path, flipped(path.read_bytes())),
  "has 190 bytes; expected 200": lambda path: change(path, path.read_bytes()[:-10]),
  "has 0 bytes; expected 200": lambda path: change(path, b""),
  "is missing": lambda path: path.unlink()}


@pytest.mark.parametrize("words", DAMAGE)
def test_damage_is_named_with_what_to_do(folder, words):
  manifest.check(manifest.of(folder))  # also where the process has read it before
  DAMAGE[words](folder / "natural" / "fc7.npy")
  with pytest.raises(manifest.Damaged) as found:
    manifest.check(manifest.of(folder))
  assert found.value.files == {"natural/fc7.npy": words}
  assert str(found.value) == f"{folder}/natural/fc7.npy {words}. {AGAIN}"


def test_swapped_files_are_named(tmp_path):
  for name in ("a.npz", "b.npz"):
    (tmp_path / name).write_text(f"of {name}")
    manifest.seal(manifest.beside(tmp_path / name), AGAIN, [tmp_path / name])
  assert {path.name for path in tmp_path.glob("*.json")} == {"a.sha256.json", "b.sha256.json"}
  change(tmp_path / "a.npz", b"of b.npz")
  with pytest.raises(manifest.Damaged, match="a.npz has another content"):
    manifest.check(manifest.beside(tmp_path / "a.npz"))
  assert manifest.check(manifest.beside(tmp_path / "b.npz"))


def test_of_damage_the_log_says_what_is_done_about_it(folder, caplog):
  sealed = manifest.of(folder)
  assert manifest.is_whole(sealed, "It is made again") and manifest.damage(sealed) is None
  (folder / "card.json").unlink()
  assert not manifest.is_whole(sealed, "It is made again")
  assert caplog.messages == [f"{folder / 'card.json'} is missing. It is made again"]
  assert list(manifest.damage(sealed).files) == ["card.json"]


def test_lightly_looks_at_sizes_and_times_alone(folder):
  path = folder / "natural" / "fc7.npy"
  change(path, flipped(path.read_bytes()))
  with manifest.lightly():
    assert manifest.check(manifest.of(folder))  # the price of not reading
  with pytest.raises(manifest.Damaged):
    manifest.check(manifest.of(folder))
  path.write_bytes(flipped(bytes(range(200))))  # now its time is another, too
  with manifest.lightly(), pytest.raises(manifest.Damaged):
    manifest.check(manifest.of(folder))


def test_every_flipped_bit_of_a_manifest_is_its_own_damage_or_changes_nothing(folder):
  path = manifest.of(folder)
  content, before = path.read_bytes(), manifest.read(path)
  for bit in range(8 * len(content)):
    path.write_bytes(flipped(content, bit))
    try:
      assert manifest.read(path) == before  # in white space
    except manifest.Damaged as error:
      assert list(error.files) == ["sha256.json"] and f"{path} is itself damaged" in str(error)


def test_what_has_none_opens_and_the_log_says_so_once(tmp_path, caplog, monkeypatch):
  monkeypatch.setattr(manifest, "_unchecked", [])
  for name in ("a", "b", "none"):
    (tmp_path / name).mkdir()
  for name in ("a", "b"):
    (tmp_path / name / "card.json").write_text("{}")
    assert not manifest.check(manifest.of(tmp_path / name))
  assert not manifest.check(manifest.of(tmp_path / "none"))
  assert [record.getMessage().startswith(f"{tmp_path}/a has no sha256.json")
          for record in caplog.records] == [True]


def test_texts_that_belong_together_have_one_and_lose_it_while_they_are_written(
    tmp_path, monkeypatch):
  texts = {"table.json": "{}", "table.txt": "a table"}
  manifest.write_texts(tmp_path / "new", texts, AGAIN)
  sealed = tmp_path / "new" / "table.sha256.json"
  assert manifest.check(sealed) and set(manifest.read(sealed).files) == set(texts)
  monkeypatch.setattr(manifest, "seal", lambda *given: None)  # killed before
  manifest.write_texts(tmp_path / "new", {**texts, "table.txt": "another"}, AGAIN)
  assert not sealed.exists()


def test_unfinished_files_and_locks_are_no_part_of_a_folder(tmp_path):
  for name in ("a.txt", "b.txt.tmp", "a.lock"):
    (tmp_path / name).write_text(name)
  manifest.seal(manifest.of(tmp_path), AGAIN)
  assert set(manifest.read(manifest.of(tmp_path)).files) == {"a.txt"}


def test_all_below_a_folder_are_found(folder, tmp_path):
  (tmp_path / "x.npz").write_text("x")
  manifest.seal(manifest.beside(tmp_path / "x.npz"), AGAIN, [tmp_path / "x.npz"])
  assert [path.relative_to(tmp_path).as_posix() for path in manifest.below(tmp_path)] == [
    "x.sha256.json", "features/sha256.json"]
