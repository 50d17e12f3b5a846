"""A user's own function as an encoder: what it is given, and what is refused."""

import itertools
import sys

import numpy as np
import pytest
from PIL import Image

from cmx.data import encoders

COUNT = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
  """Writes a module of the user's and names it; each has a name of its own."""
  monkeypatch.syspath_prepend(tmp_path)

  def write(program, name=None):
    name = name or f"mine_{next(COUNT)}"
    (tmp_path / f"{name}.py").write_text("import numpy as np\n" + program)
    sys.modules.pop(name, None)
    return name

  return write


def load(name, kind="text"):
  return encoders.load(f"python:{name}", "nowhere", kind)


def test_texts_are_strings_and_pictures_are_pil_images(module):
  name = module("def length(x):\n  return np.array([[len(text), 1] for text in x])\n"
                "def size(x):\n  return np.array([image.size for image in x])\n")
  texts = load(f"{name}.length")
  assert texts.encode(["a", "red barn"]).tolist() == [[1, 1], [8, 1]]
  assert (texts.width, texts.encode(["a"]).dtype, texts.cached) == (2, np.float32, True)
  picture = np.asarray(Image.new("RGB", (7, 5)))
  assert load(f"{name}.size", "pixels").encode([picture] * 70).tolist() == [[7, 5]] * 70


@pytest.mark.parametrize("result, words", [
  ("np.ones((len(x) + 1, 3))", "2 rows for 1 examples"), ("np.ones(len(x))", r"float64 \[1\]"),
  ("np.full((len(x), 2), np.nan)", "not finite for 1 of 1"), ("[['b'] for _ in x]", "<U1"),
  ("None", r"object \[\]"), ("1 / 0", "ZeroDivisionError"), ("np.ones((1, 0))", r"\[1, 0\]")])
def test_what_is_no_row_of_numbers_for_each_is_refused(module, result, words):
  with pytest.raises(ValueError, match=words):
    load(f"{module(f'def encode(x):{chr(10)}  return {result}')}.encode")


def test_rows_that_go_missing_later_are_refused(module):
  encoder = load(f"{module('def encode(x):' + chr(10) + '  return np.ones((1, 3))')}.encode")
  with pytest.raises(ValueError, match="1 rows for 3 examples"):
    encoder.encode(["a", "b", "c"])


@pytest.mark.parametrize("name, words", [
  ("python:", "expected python:module.function"), ("python:alone", "expected python:module.f"),
  ("python:nothing_of_this_name.encode", "nothing_of_this_name cannot be imported")])
def test_a_name_that_leads_nowhere_is_said(name, words):
  with pytest.raises(ValueError, match=words):
    encoders.load(name, "nowhere", "text")


def test_a_module_without_the_function_lists_its_own(module):
  name = module("def encode(x):\n  return x\nplain = 3\n")
  with pytest.raises(ValueError, match=f"{name} has no function 'encoed'; it has encode"):
    load(f"{name}.encoed")
  with pytest.raises(ValueError, match="has no function 'plain'"):
    load(f"{name}.plain")
  with pytest.raises(ValueError, match="SyntaxError"):
    load(f"{module('def encode(x) return x')}.encode")


def test_another_text_of_the_module_or_other_weights_are_another_fingerprint(module):
  program = "def encode(x):\n  return np.ones((len(x), 2))\n"
  found = {load(f"{module(text, 'changing')}.encode").fingerprint
           for text in (program, program + "#\n", program + "encode.fingerprint = 'v2'\n")}
  assert len(found) == 3
