"""Sentences of texts, and the mean of their vectors."""

import numpy as np
import pytest

from cmx import config as config_lib
from cmx import fields
from cmx.data import encoders
from cmx.data.encoders import hashing
from cmx.data.encoders import sentences


@pytest.mark.parametrize("text, expected", [
  ("A bed. A lamp!  Is it old? Yes", ["A bed.", "A lamp!", "Is it old?", "Yes"]),
  ("there is a bed. there is a lamp.", ["there is a bed.", "there is a lamp."]),
  ("Benches, e.g. of oak, cf. those of Dr. Brown, line St. Mary's.",
   ["Benches, e.g. of oak, cf. those of Dr. Brown, line St. Mary's."]),
  ("It has beds, chairs, etc. The walls are white.",
   ["It has beds, chairs, etc.", "The walls are white."]),
  ("It has beds, chairs, etc. and a lamp.", ["It has beds, chairs, etc. and a lamp."]),
  ("It opens at 9 a.m. Then people come.", ["It opens at 9 a.m.", "Then people come."]),
  ("Is it old? No. It stands at No. 5.", ["Is it old?", "No.", "It stands at No. 5."]),
  ("J. R. Smith sat here. So did I. Then we left.",
   ["J. R. Smith sat here.", "So did I.", "Then we left."]),
  ("It is 3.5 m high and cost $5.20. It was built in 1990. It is red.",
   ["It is 3.5 m high and cost $5.20.", "It was built in 1990.", "It is red."]),
  ("1. A bed. 2. A lamp.", ["1. A bed.", "2. A lamp."]),
  ('"Who is there?" he asks. "Me!" She laughs.',
   ['"Who is there?" he asks.', '"Me!"', "She laughs."]),
  ("He said “come in.” She did (so it seems.) too.",
   ["He said “come in.”", "She did (so it seems.) too."]),
  ("Waves... and sand. Far away… Ships.", ["Waves... and sand.", "Far away…", "Ships."]),
  ("What?! No way!!", ["What?!", "No way!!"]),
  ("a line\nthat goes on\n\na new paragraph", ["a line\nthat goes on", "a new paragraph"]),
  ("海边。天空是蓝色的！", ["海边。", "天空是蓝色的！"]),
  ("यह बिस्तर है। यह दीवार है॥ अच्छा?", ["यह बिस्तर है।", "यह दीवार है॥", "अच्छा?"]),
  ("दीवार है ।बिस्तर है", ["दीवार है ।", "बिस्तर है"]),
  ("هل هذا سرير؟ نعم، هذا سرير. جيد!", ["هل هذا سرير؟", "نعم، هذا سرير.", "جيد!"]),
  ("حقا؟! (نعم؟) لا", ["حقا؟!", "(نعم؟)", "لا"]),
  ("یہ بستر ہے۔ یہ دیوار ہے۔", ["یہ بستر ہے۔", "یہ دیوار ہے۔"]),
  ("Սա անկողին է։ Լավ", ["Սա անկողին է։", "Լավ"]), ("አልጋ ነው። ጥሩ።", ["አልጋ ነው።", "ጥሩ።"]),
  ("အိပ်ရာ။ ကောင်း။", ["အိပ်ရာ။", "ကောင်း။"]), ("គ្រែ។ ល្អ។", ["គ្រែ។", "ល្អ។"]),
  ("床｡灯", ["床｡", "灯"]), ("A bed‼ A lamp⁉ Yes", ["A bed‼", "A lamp⁉", "Yes"]),
  ("http://a.b/c.html is a page", ["http://a.b/c.html is a page"]),
  ("no mark", ["no mark"]), ("...", []), (". ! ?", []), ("  \n", []), ("", []),
])
def test_texts_are_split_where_a_reader_would(text, expected):
  assert sentences.split(text) == expected


def test_a_texts_vector_is_the_mean_over_its_sentences_in_one_call():
  calls = []

  def encode(inputs):
    calls.append(list(inputs))
    return np.array([[len(text), 1] for text in inputs], np.float32).reshape(-1, 2)

  rows = sentences.mean_over(encode)(["One. Three more!", "", "Last"])
  assert calls == [["One.", "Three more!", "", "Last"]]
  np.testing.assert_array_equal(rows, [[7.5, 1], [0, 1], [4, 1]])
  assert sentences.mean_over(encode)([]).shape == (0, 2)


def test_the_config_asks_any_text_encoder_for_sentences():
  config = fields.replace(config_lib.Config(), {"encoders.sentences": True})
  encoder, text = encoders.of(config, "text"), "A red bed. A lamp."
  np.testing.assert_allclose(encoder.encode([text])[0],
                             hashing.encode(["A red bed.", "A lamp."]).mean(0), rtol=1e-6)
  assert encoder.fingerprint == f"{hashing.FINGERPRINT}-{sentences.VERSION}"
  assert encoders.of(config_lib.Config(), "text").fingerprint == hashing.FINGERPRINT
