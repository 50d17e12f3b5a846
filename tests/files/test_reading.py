"""One file of a user's: images of every mode and format, vectors, tables, and what is refused."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

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


def test_images_are_turned_as_their_exif_says(tmp_path):
  image = Image.new("RGB", (16, 16), "blue")
  image.paste("red", (0, 0, 16, 8))  # red above
  exif = Image.Exif()
  exif[0x0112] = 6  # to be turned a quarter clockwise: above comes to the right
  image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
  x = reading.pixels(tmp_path / "turned.jpg", 16)
  assert x[8, 13, 0] > 240 and x[8, 13, 2] < 15
  assert x[8, 2, 2] > 240 and x[8, 2, 0] < 15


def test_transparent_parts_become_white(tmp_path):
  image = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
  image.paste((0, 0, 255, 255), (0, 0, 8, 16))
  image.paste((0, 0, 0, 128), (0, 0, 8, 8))
  image.save(tmp_path / "a.png")
  x = reading.pixels(tmp_path / "a.png", 16)
  assert x[12, 2].tolist() == [0, 0, 255]
  assert x[12, 12].tolist() == [255, 255, 255]
  assert x[2, 2].tolist() == [127, 127, 127]  # half black on white


@pytest.mark.parametrize("mode, colour, expected", [
  ("1", 1, 255), ("L", 77, 77), ("LA", (0, 0), 255), ("P", 0, 0), ("I;16", 25_700, 100),
  ("CMYK", (0, 0, 0, 255), 0), ("F", 0.2, 51)])
def test_images_of_every_mode_become_rgb(tmp_path, mode, colour, expected):
  if mode == "P":
    image = Image.new("RGB", (9, 9), 0).quantize(4)
  else:
    image = Image.new(mode, (9, 9), colour)
  image.save(tmp_path / "a.tif")
  np.testing.assert_array_equal(reading.pixels(tmp_path / "a.tif", 9), np.full((9, 9, 3), expected))


def test_a_transparent_palette_becomes_white(tmp_path):
  image = Image.new("RGB", (8, 8), "black").quantize(2)
  image.save(tmp_path / "a.gif", transparency=image.getpixel((0, 0)))
  assert (reading.pixels(tmp_path / "a.gif", 8) == 255).all()


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_of_every_format_are_read_or_refused(tmp_path):
  rng = np.random.default_rng(0)
  np.save(tmp_path / "a.npy", np.arange(9.0))
  np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.arange(2), classes=np.array(["a", "b"]))
  readers = {"npy": reading.vector, "npz": reading.table_labels}
  for suffix in ("png", "jpg", "webp", "gif", "bmp", "tif", "ppm", "tga", "ico", "avif"):
    paint(tmp_path / f"a.{suffix}", (250, 10, 10), (32, 32))
    readers[suffix] = lambda path: reading.pixels(path, 8)
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


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tif", "ppm", "tga", "ico",
                                    "avif"])
def test_common_formats_are_read(tmp_path, suffix):
  paint(tmp_path / f"a.{suffix}", (250, 10, 10), (32, 32))
  x = reading.pixels(tmp_path / f"a.{suffix}", 8)
  np.testing.assert_allclose(x[4, 4], [250, 10, 10], atol=12)


def test_of_several_pictures_in_a_file_the_first_is_read(tmp_path):
  for name, form in (("a.jpg", "MPO"), ("a.gif", "GIF"), ("a.tif", "TIFF")):
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ((250, 10, 10), (10, 10, 250)))
    red.save(tmp_path / name, form, save_all=True, append_images=[blue])
    x = reading.pixels(tmp_path / name, 8)
    np.testing.assert_allclose(x[4, 4], [250, 10, 10], atol=12)


def test_images_are_padded_to_a_white_square(tmp_path):
  paint(tmp_path / "wide.png", (0, 0, 0), (32, 16))
  x = reading.pixels(tmp_path / "wide.png", 8)
  assert x[:, 4, 0].tolist() == [255, 255, 0, 0, 0, 0, 255, 255]
  paint(tmp_path / "line.png", (0, 0, 0), (900, 1))
  assert reading.pixels(tmp_path / "line.png", 8)[:, 4, 0].tolist().count(255) == 7


def test_float_images_out_of_range_are_refused(tmp_path):
  Image.new("F", (4, 4), 3.5).save(tmp_path / "a.tif")
  with pytest.raises(reading.Unusable, match=r"float image with values outside \[0, 1\]"):
    reading.pixels(tmp_path / "a.tif", 8)


def test_images_of_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
  Image.new("1", (9_000, 9_000)).save(tmp_path / "large.png")
  Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
  with pytest.raises(reading.Unusable, match="9000 x 9000 pixels; expected 80,000,000 at most"):
    reading.pixels(tmp_path / "large.png", 8)
  with pytest.raises(reading.Unusable, match="more than 80,000,000 pixels"):
    reading.pixels(tmp_path / "bomb.png", 8)
