"""One file of a user's: images of every mode and format, vectors, tables, and what is refused."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from cmx.files import pictures
from cmx.files import reading


def paint(path, colour, size):
  Image.new("RGB", size, colour).save(path)


def test_a_table_that_inflates_too_much_is_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(reading, "_SUSPICIOUS_BYTES", 1 << 20)
  np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((1000, 1000)), y=np.zeros(1000, int))
  with pytest.raises(reading.Unusable,
                     match="'x' inflates [0-9,]+ bytes to 8,000,128; expected real data"):
    reading.table_labels(tmp_path / "bomb.npz")


def test_a_table_that_lies_about_its_shape_is_refused(tmp_path):
  header = io.BytesIO()
  np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False,
                                                "shape": (10**9, 64)})
  with zipfile.ZipFile(tmp_path / "lie.npz", "w") as file:
    file.writestr("x.npy", header.getvalue() + b"\0" * 8)
  with pytest.raises(reading.Unusable,
                     match=r"'x' of shape \[1000000000, 64\] does not fit into its"):
    reading.table_labels(tmp_path / "lie.npz")


def test_vector_files_that_are_no_vectors_are_refused(tmp_path):
  path = tmp_path / "a.npy"
  for x, message in ((np.zeros((2, 2)), r"array of shape \[2, 2\]; expected one vector"),
                     (np.array(["a"]), "array of <U1; expected numbers"),
                     (np.array([np.nan]), "not finite")):
    np.save(path, x)
    with pytest.raises(reading.Unusable, match=message):
      reading.vector(path)
  path.write_bytes(path.read_bytes().replace(b"'<f8'", b"'|O' "))  # announces a pickle
  with pytest.raises(reading.Unusable, match="array of object; expected numbers"):
    reading.vector(path)
  (tmp_path / "empty.npy").write_bytes(b"")
  with pytest.raises(reading.Unusable, match="empty file"):
    reading.vector(tmp_path / "empty.npy")


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_of_every_format_are_read_or_refused(tmp_path):
  rng = np.random.default_rng(0)
  np.save(tmp_path / "a.npy", np.arange(9.0))
  np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.arange(2), classes=np.array(["a", "b"]))
  readers = {"npy": reading.vector, "npz": reading.table_labels}
  for suffix in ("png", "jpg", "webp", "gif", "bmp", "tif", "ppm", "tga", "ico", "avif"):
    paint(tmp_path / f"a.{suffix}", (250, 10, 10), (32, 32))
    readers[suffix] = lambda path: pictures.pixels(path, 8)
  refused = dict.fromkeys(readers, 0)
  for suffix, read in readers.items():
    whole = np.frombuffer((tmp_path / f"a.{suffix}").read_bytes(), np.uint8)
    for _ in range(60):
      damaged = whole[:rng.integers(len(whole) // 2, len(whole) + 1)].copy()
      damaged[rng.integers(0, min(len(damaged), 150), 3)] = rng.integers(0, 256, 3)
      (tmp_path / f"b.{suffix}").write_bytes(damaged.tobytes())
      try:
        read(tmp_path / f"b.{suffix}")
      except reading.Unusable:
        refused[suffix] += 1
  assert min(refused.values()) > 10  # and nothing else was raised
