"""Words of any script, what can be seen of a text, and names that people take for the same."""

import pytest

from cmx.files import text


@pytest.mark.parametrize("words, expected", [
  ("Don't stop: the well-lit bed.", ["Don", "t", "stop", "the", "well", "lit", "bed"]),
  ("don’t donʼt", ["don", "t", "don", "t"]), ("snake_case 3.5", ["snake", "case", "3", "5"]),
  ("Café cafe\u0301", ["Café", "café"]), ("मैं हिन्दी", ["मैं", "हिन्दी"]),
  ("ภาษาไทย", ["ภาษาไทย"]),
  ("שָׁלוֹם", ["שָׁלוֹם"]), ("مُحَمَّد", ["مُحَمَّد"]), ("می\u200cخواهم", ["می\u200cخواهم"]),
  ("co\u00adoperate", ["co\u00adoperate"]), ("naïve Straße", ["naïve", "Straße"]),
  ("👍🏽 🇫🇷 …", []), ("", []), ("a\u200bb", ["a", "b"])])
def test_marks_belong_to_their_word(words, expected):
  assert text.words(words) == [text.normal(word) for word in expected]


def test_compounds_are_what_apostrophes_and_hyphens_join():
  assert text.compounds("Don't — the well‑lit, 3.5 and/or co-op’s") == [
    "Don't", "the", "well‑lit", "3.5", "and/or", "co-op’s"]


@pytest.mark.parametrize("one, other", [
  ("don’t", "don't"), ("well‑lit", "well-lit"), ("cafe\u0301", "café"),
  ("co\u00adoperate", "cooperate"), ("می\u200cخواهم", "میخواهم"), ("bed\ufeff", "bed")])
def test_ways_to_write_a_word_fold_into_one(one, other):
  assert text.folded(one) == text.folded(other) == other


@pytest.mark.parametrize("word, expected", [
  ("bed", ["bed"]), ("हिन्दी", ["हिन्दी"]), ("床", ["床"]), ("一张床", ["一张", "张床", "一", "张", "床"]),
  ("ไทย", ["ไท", "ทย"]), ("bed床4", ["bed", "床", "4"]), ("のテ", ["のテ"])])
def test_scripts_without_blanks_are_read_by_pairs(word, expected):
  assert text.pieces(word) == expected


def test_scripts_without_blanks_are_known():
  assert text.unspaced("a bed, мебель, 가구") == []
  assert text.unspaced("床 ベッド เตียง ຕຽງ គ្រែ ကုတင်") == [
    "Chinese characters", "Japanese", "Thai", "Lao", "Khmer", "Burmese"]


@pytest.mark.parametrize("words", ["", " \n", "\0\0", "\u200b\u200d", "\u202e", "\ufeff", "\x07"])
def test_there_is_nothing_to_see_of_blanks_and_controls(words):
  assert not text.has_look(words)


@pytest.mark.parametrize("words", ["a", "?", "👍", "\u200bx", "\u0301"])
def test_there_is_something_to_see_of_letters_and_signs(words):
  assert text.has_look(words)


def test_what_cannot_be_printed_is_escaped():
  assert text.shown("a\nb\udc80\u202e é 床") == "a\\nb\\udc80\\u202e é 床"
  assert text.shown("a" * 99, 3) == "aaa... (99 characters)"


def test_half_a_pair_is_found():
  assert text.lone_surrogate("ab\ud800") == 2 and text.lone_surrogate("a👍") is None


@pytest.mark.parametrize("name, why", [
  ("living room", ""), ("C++", ""), ("caffè", ""), ("床", ""), ("", "no class; expected its name"),
  ("a\nb", "line break"), ("a\u2028b", "line break"), ("a\x07b", "control character"),
  ("\udce9", "not valid Unicode"), ("b" * 256, "256 letters")])
def test_names_of_classes_are_lines_of_text(name, why):
  assert why in text.why_no_name(name) and bool(why) == bool(text.why_no_name(name))


def test_names_that_look_the_same_are_alike():
  assert len({text.alike(name) for name in (
    "living room", "Living_Room", "living-room", "livingroom", "living\u00a0room", "ｌｉｖｉｎｇ room",
    "living\u200b room")}) == 1
  assert text.alike("bed") != text.alike("beds") and text.alike("+") == "+"


def test_some_of_many_are_named_and_how_many_more_there_are():
  names = [f"a{i}" for i in range(5)]
  assert text.some(names[:2], 2) == "a0, a1"
  assert text.some(names, 2) == "a0, a1 and 3 more"
  assert text.some(names, 2, "; ") == "a0; a1 and 3 more"
  assert text.some(names, 2, "\n  ") == "a0\n  a1\n  and 3 more"


@pytest.mark.parametrize("word, letters", [
  ("Crème Brûlée", "Creme Brulee"), ("हिन्दी", "हनद"), ("bed", "bed"), ("ø4_", "ø4_")])
def test_letters_stand_without_their_marks(word, letters):
  assert text.without_marks(text.normal(word)) == letters


def test_only_a_word_of_a_script_without_blanks_is_parted():
  assert text.parted("ห้อง") == ["ห้", "อ", "ง"] and text.parted("一张") == ["一", "张"]
  assert text.parted("bed") == text.parted("床bed") == text.parted("école") == text.parted("") == []


@pytest.mark.parametrize("words, said", [
  ("caf\ufffd", "U+FFFD"), ("cafÃ©", "another encoding"), ("itâ€™s", "another encoding"),
  ("salt &amp; pepper", "HTML"), ("caf&#233;", "HTML"), ("&#xE9;", "HTML"),
  ("Âge", ""), ("Ãnima", ""), ("AT&T; R&D", ""), ("&amper;", ""), ("â bed", ""), ("café", "")])
def test_a_text_that_was_misread_is_told_by_what_is_left_of_it(words, said):
  assert (said in text.odd(words)) if said else text.odd(words) == ""


@pytest.mark.parametrize("name, mixed", [
  ("b\u0430r", True), ("\u03bfpen", True), ("\u0430\u03bf", True),
  ("bar \u0431\u0430\u0440", False), ("\u0431\u0430\u0440 4a", False),
  ("bar4é", False), ("床bed", False), ("", False)])
def test_letters_alike_of_two_alphabets_mix_within_a_word_alone(name, mixed):
  assert text.mixed(name) is mixed


def test_letters_beside_those_of_pairs_are_letters():
  assert text.lone_surrogate("é\ue000\ud7ff") is None and text.lone_surrogate("é\udfff") == 1


def test_lengths_are_cut_beyond_the_limit_alone():
  assert text.shown("abc", 3) == "abc" and text.shown("ab\n", 3) == "ab\\... (4 characters)"
  assert text.why_no_name("b" * 255) == ""
  assert text.some("abc", 3) == "a, b, c" and text.some(range(0), 2) == ""
