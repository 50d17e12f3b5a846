"""Pictures of every mode and format, and what is refused of them."""

import numpy as np
import pytest
from PIL import Image

from cmx.files import pictures
from cmx.files import reading


def paint(path, colour, size):
  Image.new("RGB", size, colour).save(path)


def test_images_are_turned_as_their_exif_says(tmp_path):
  image = Image.new("RGB", (16, 16), "blue")
  image.paste("red", (0, 0, 16, 8))  # red above
  exif = Image.Exif()
  exif[0x0112] = 6  # to be turned a quarter clockwise: above comes to the right
  image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
  x = pictures.pixels(tmp_path / "turned.jpg", 16)
  assert x[8, 13, 0] > 240 and x[8, 13, 2] < 15
  assert x[8, 2, 2] > 240 and x[8, 2, 0] < 15


def test_transparent_parts_become_white(tmp_path):
  image = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
  image.paste((0, 0, 255, 255), (0, 0, 8, 16))
  image.paste((0, 0, 0, 128), (0, 0, 8, 8))
  image.save(tmp_path / "a.png")
  x = pictures.pixels(tmp_path / "a.png", 16)
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
  np.testing.assert_array_equal(pictures.pixels(tmp_path / "a.tif", 9),
                                np.full((9, 9, 3), expected))


def test_a_transparent_palette_becomes_white(tmp_path):
  image = Image.new("RGB", (8, 8), "black").quantize(2)
  image.save(tmp_path / "a.gif", transparency=image.getpixel((0, 0)))
  assert (pictures.pixels(tmp_path / "a.gif", 8) == 255).all()


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tif", "ppm", "tga", "ico",
                                    "avif"])
def test_common_formats_are_read(tmp_path, suffix):
  paint(tmp_path / f"a.{suffix}", (250, 10, 10), (32, 32))
  x = pictures.pixels(tmp_path / f"a.{suffix}", 8)
  np.testing.assert_allclose(x[4, 4], [250, 10, 10], atol=12)


def test_of_several_pictures_in_a_file_the_first_is_read(tmp_path):
  for name, form in (("a.jpg", "MPO"), ("a.gif", "GIF"), ("a.tif", "TIFF")):
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ((250, 10, 10), (10, 10, 250)))
    red.save(tmp_path / name, form, save_all=True, append_images=[blue])
    x = pictures.pixels(tmp_path / name, 8)
    np.testing.assert_allclose(x[4, 4], [250, 10, 10], atol=12)


def test_images_are_padded_to_a_white_square(tmp_path):
  paint(tmp_path / "wide.png", (0, 0, 0), (32, 16))
  x = pictures.pixels(tmp_path / "wide.png", 8)
  assert x[:, 4, 0].tolist() == [255, 255, 0, 0, 0, 0, 255, 255]
  paint(tmp_path / "line.png", (0, 0, 0), (900, 1))
  assert pictures.pixels(tmp_path / "line.png", 8)[:, 4, 0].tolist().count(255) == 7


def test_float_images_out_of_range_are_refused(tmp_path):
  Image.new("F", (4, 4), 3.5).save(tmp_path / "a.tif")
  with pytest.raises(reading.Unusable, match=r"float image with values outside \[0, 1\]"):
    pictures.pixels(tmp_path / "a.tif", 8)


def test_images_of_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
  Image.new("1", (9_000, 9_000)).save(tmp_path / "large.png")
  Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
  with pytest.raises(reading.Unusable, match="9000 x 9000 pixels; expected 80,000,000 at most"):
    pictures.pixels(tmp_path / "large.png", 8)
  with pytest.raises(reading.Unusable, match="more than 80,000,000 pixels"):
    pictures.pixels(tmp_path / "bomb.png", 8)
