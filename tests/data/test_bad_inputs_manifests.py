"""Bad manifests: what is refused is named by its line, what is odd is said, the rest is read."""

import json
import os
import subprocess
import sys
import unicodedata

import pytest

import bad_folders as made
from cmx.data import check
from cmx.data.sets.folders import dataset as folders
from test_bad_inputs_folders import LFS, PAGE, read, refused, remarked

HEADER = "path,text,modality,split,class\n"


@pytest.fixture(name="rows")
def _rows(tmp_path):
  """Rows of a sound manifest, with the photos that it names."""
  (tmp_path / "mine").mkdir()
  return made.rows(tmp_path / "mine")


@pytest.fixture(name="root")
def _root(tmp_path):
  return tmp_path / "mine"


def lines(rows):
  """A sound manifest as lines of csv, without its header."""
  return [",".join(row[name] for name in made.COLUMNS) for row in rows]


def csv_of(root, rows, change, name="list.csv", header=HEADER):
  """A csv whose lines, header first, were changed."""
  whole = [header.rstrip("\n"), *lines(rows)]
  changed = change(whole)
  content = changed if isinstance(changed, (bytes, str)) else "\n".join(changed) + "\n"
  made.put(root / name, content)
  return made.settings(root / name)


def line(number, text):
  """Puts another text in place of a line, counted from 1."""
  return lambda whole: [*whole[:number - 1], text, *whole[number:]]


BAD_TABLES = {
  "a comma in a text": (line(3, ",a bed, and a lamp,note,train,bed"),
                        "list.csv:3: 6 cells; expected "
                        "5, as in the header. Does a text hold the separator? Put it in plain"),
  "a comma at the end": (line(3, ",a bed,note,train,bed, and more"),
                         "list.csv:3: 6 cells; expected 5"),
  "a cell too few": (line(3, "a bed,note,train,bed"),
                     "list.csv:3: 4 cells; expected 5: path, text"),
  "one cell": (line(3, "a bed"), "list.csv:3: 1 cells; expected 5"),
  "an open quote": (line(3, ',"a bed,note,train,bed'),
                    "list.csv line 3: a quote that opens there is "
                    "not closed"),
  "an open quote at the end": (lambda w: [*w[:-1], ',"a bed,note,train,bed'], "line 17: a quote"),
  "an open quote that an inch closes": (
    lambda w: [*w[:2], ',"a bed,note,train,bed', w[3], ',a lamp of 5",note,train,lamp', *w[5:]],
    "list.csv:3: "),
  "letters behind a quote": (line(3, ',"a" bed,note,train,bed'),
                             "line 3: after a closing quote comes"),
  "tabs": (lambda w: [row.replace(",", "\t") for row in w], "line 1: its columns are separated by "
           "tabs; expected commas: name it .tsv"),
  "semicolons": (lambda w: [row.replace(",", ";") for row in w],
                 "separated by semicolons; expected"),
  "bars": (lambda w: [row.replace(",", "|") for row in w], "separated by vertical bars; expected"),
  "class twice": (lambda w: [w[0] + ",class", *(row + "," for row in w[1:])],
                  "line 1: column class is there 2 times (columns 5 and 6)"),
  "path twice": (lambda w: ["path," + w[0], *("," + row for row in w[1:])],
                 "column path is there 2 times (columns 1 and 2)"),
  "class twice in another case": (lambda w: [w[0] + ", Class ", *(row + ",x" for row in w[1:])],
                                  "column class is there 2 times"),
  "no header": (lambda w: w[1:], "missing: class, modality, path or text, split"),
  "another header": (line(1, "path,text,modality,split,label"), "missing: class"),
  "header alone": (lambda w: w[:1], "0 modality with examples (none)"),
  "nothing": (lambda w: b"", "has columns none"), "blank lines": (lambda w: b"\n\n",
                                                                  "columns none"),
  "utf-16": (lambda w: "\n".join(w).encode("utf-16"), "list.csv is text in UTF-16: save it as"),
  "utf-16 without its mark": (lambda w: "\n".join(w).encode("utf-16-le"), "list.csv is text in UT"),
  "NULs at the end": (lambda w: [*w, "\0" * 50], "list.csv:18: 1 cells; expected 5"),
  "quotes of another kind": (line(3, ",“a, bed”,note,train,bed"), 'Put it in plain quotes: "a, b"'),
  "latin-1": (line(3, ",a café,note,train,bed"), "is not UTF-8"),
  "html": (lambda w: PAGE, "list.csv is an HTML page: a server answered"),
  "lfs": (lambda w: LFS, "list.csv is a Git LFS pointer"),
  "excel": (lambda w: b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml", "is an Excel workbook: save"),
  "gzip": (lambda w: b"\x1f\x8b\x08\0", "is compressed by gzip"),
  "a line break in a class": (line(3, ',a bed,note,train,"be\nd"'), "has a line break in its name"),
  "no class": (line(3, ",a bed,note,train,"), "list.csv:3: no class; expected its name"),
  "no split": (line(3, ",a bed,note,,bed"), "list.csv:3: split ''; expected train or validation"),
  "no modality": (line(3, ",a bed,,train,bed"), "list.csv:3: modality ''; expected letters"),
  "path and text": (line(2, "files/train_bed_0.png,a,photo,train,bed"), "both path and text"),
  "neither": (line(2, " , ,photo,train,bed"), "neither path and text"),
  "text of blanks": (line(3, ",\u200b,note,train,bed"), "list.csv:3: empty text"),
  "text of NULs": (line(3, ",\0\0,note,train,bed"), "list.csv:3: empty text"),
  "text too long": (line(3, f",{'a' * 1_000_001},note,train,bed"),
                    "list.csv:3: 1,000,001 bytes of"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_csv_is_named_by_line(root, rows, name):
  change, said = BAD_TABLES[name]
  if name == "latin-1":
    data = csv_of(root, rows, lambda w: "\n".join(change(w)).encode("latin-1"))
  else:
    data = csv_of(root, rows, change)
  refused(data, said)


GOOD_TABLES = {
  "as it is": (lambda w: w, "list.csv"), "windows": (lambda w: "\r\n".join(w), "list.csv"),
  "old mac": (lambda w: "\r".join(w), "list.csv"),
  "a mark of utf-8": (lambda w: b"\xef\xbb\xbf" + "\n".join(w).encode(), "list.csv"),
  "upper-case suffix": (lambda w: w, "LIST.CSV"),
  "no line end": (lambda w: "\n".join(w), "list.csv"),
  "columns in capitals": (lambda w: ["Path, TEXT ,Modality,Split, class", *w[1:]], "list.csv"),
  "more columns": (lambda w: [w[0] + ",note,", *(row + ",x," for row in w[1:])], "list.csv"),
  "cells behind the end": (lambda w: [w[0], *(row + ",,," for row in w[1:])], "list.csv"),
  "blanks around": (lambda w: [w[0], *(row.replace(",", " ,") if row[0] == "f" else row
                                       for row in w[1:])], "list.csv"),
  "DOS's end of a file": (lambda w: "\n".join(w) + "\n\x1a", "list.csv"),
  "excel's first line": (lambda w: ["sep=,", *w], "list.csv"),
  "everything in quotes": (lambda w: ['"' + '","'.join(w[0].split(",")) + '"', *w[1:]], "list.csv"),
  "tsv": (lambda w: [row.replace(",", "\t") for row in w], "list.tsv"),
  "tab": (lambda w: [row.replace(",", "\t") for row in w], "list.TAB"),
}


@pytest.mark.parametrize("name", GOOD_TABLES)
def test_a_table_is_read_however_its_system_writes_it(root, rows, name):
  change, file = GOOD_TABLES[name]
  train = read(csv_of(root, rows, change, file)).splits["train"]
  assert [len(train["photo"]), len(train["note"])] == [4, 4]
  assert train["note"][0]["input"].startswith("a bed of train")


def test_a_text_may_be_of_several_lines_and_hold_quotes(root, rows):
  text = ',"a ""big"" bed,\nand, a lamp,\n\nnote,train",note,train,bed'
  dataset = read(csv_of(root, rows, line(3, text)))
  assert dataset.splits["train"]["note"][0]["input"] == (
    'a "big" bed,\nand, a lamp,\n\nnote,train')


@pytest.mark.parametrize("empty", ["", ",,,,", " , , , , ", ",,,,,,,"])
def test_empty_rows_are_passed_over_and_counted(root, rows, empty):
  remarked(csv_of(root, rows, lambda w: [*w[:4], empty, *w[4:], empty, empty]),
           "3 empty rows of list.csv passed over")


def test_another_separator_than_the_suffix_says_is_named(root, rows):
  refused(csv_of(root, rows, lambda w: w, "list.tsv"),
          "line 1: its columns are separated by commas; expected tabs: name it .csv")


def test_paths_that_are_not_there_are_one_line(root, rows):
  data = csv_of(root, rows, lambda w: [w[0], *(row.replace("files/", "photos/") for row in w[1:])])
  refused(data, "8 of one kind, the first list.csv:2: photos/train_bed_0.png does not exist or is "
          "not a file", "; then list.csv:4, list.csv:6 and 5 more")


def test_the_command_for_another_separator_leads_on(root, rows):
  text = ';"a; bed, and more";note;train;bed'
  data = csv_of(root, rows, lambda w: line(3, text)([row.replace(",", ";") for row in w]))
  with pytest.raises(ValueError) as error:
    check.check(data)
  command = f"{error.value}".split("expected commas: ")[1].replace("python", sys.executable, 1)
  assert os.system(command) == 0
  train = read(made.settings(root / "commas_list.csv")).splits["train"]
  assert train["note"][0]["input"] == "a; bed, and more"


def test_rows_of_one_fault_are_one_line(root, rows):
  data = csv_of(root, rows, lambda w: [w[0], *(row.replace("train,", "trian,") for row in w[1:])])
  with pytest.raises(ValueError) as error:
    folders.prepare(data)
  assert len(f"{error.value}".splitlines()) == 5  # the rows in one, and what their loss leaves
  refused(data,
          "8 of one kind: split 'trian'; expected train or validation: list.csv:2, list.csv:3")


# -- paths


def photo(path):
  return line(2, f"{path},,photo,train,bed")


BAD_PATHS = {
  "outside": ("../x.png", "list.csv:2: path '../x.png' leaves the manifest's folder"),
  "absolute": ("/etc/x.png", "path '/etc/x.png' leaves the manifest's folder"),
  "outside in the middle": ("files/../../x.png", "leaves the manifest's folder"),
  "not there": ("files/none.png", "list.csv:2: files/none.png does not exist or is not a file"),
  "a folder": ("files.png", "list.csv:2: files.png is a folder; expected a file"),
  "a folder without suffix": ("files", "list.csv:2: files is a folder; expected a file"),
  "of another home": ("~/files/x.png", "does not exist or is not a file; paths are read from /"),
  "in other letters": ("Files/TRAIN_bed_0.png", "does not exist or is not a file; there is "
                       "files/train_bed_0.png"),
  "an address": ("https://example.org/a.png", "is an address; expected a file beside"),
  "a file's address": ("file:///tmp/a.png", "is an address; expected a file beside"),
  "windows' drive": ("C:\\photos\\a.png", "does not exist or is not a file"),
  "a NUL": ("files/a\0.png", "has a NUL in it"), "too long": ("a" * 5000 + ".png",
                                                              "does not exist"),
  "a long name": ("a" * 300 + ".png", "does not exist or is not a file"),
  "of no kind": ("files/a.docx", "files/a.docx: file type .docx; expected one of"),
  "without suffix": ("files/train_bed_0", "file type without suffix"),
  "of another kind": ("files/a.txt", "does not exist or is not a file"),
}


@pytest.mark.parametrize("name", BAD_PATHS)
def test_a_bad_path_is_named_by_line(root, rows, name):
  path, said = BAD_PATHS[name]
  (root / "files.png").mkdir()
  refused(csv_of(root, rows, photo(path)), said)


@pytest.mark.parametrize("form", [
  "files/train_bed_0.png", "./files/train_bed_0.png", "files//train_bed_0.png",
  "files/./train_bed_0.png", "files/../files/train_bed_0.png", "  files/train_bed_0.png ",
  "files/train_bed_0.png\t", "files%2Ftrain_bed_0.png", "~/files/train_bed_0.png",
  "files\\train_bed_0.png", ".\\files\\train_bed_0.png",
  "{root}/files/train_bed_0.png", "{root}/../mine/files/train_bed_0.png"])
def test_a_path_is_found_however_it_is_written(root, rows, form, monkeypatch):
  monkeypatch.setenv("HOME", f"{root}")
  dataset = read(csv_of(root, rows, photo(form.format(root=root))))
  assert dataset.splits["train"]["photo"][0]["key"] == "files/train_bed_0.png#2"


def test_an_absolute_path_is_found_below_a_linked_folder(root, rows, tmp_path):
  (tmp_path / "link").symlink_to("mine")
  csv_of(root, rows, photo(f"{root}/files/train_bed_0.png"))
  read(made.settings(tmp_path / "link/list.csv"))


@pytest.mark.parametrize("disk, table", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_path_is_found_whichever_form_its_accents_have(root, rows, disk, table):
  for name in ("café/thé.png", "cafe/été.png"):
    made.paint(root / unicodedata.normalize(disk, name), 7)
    read(csv_of(root, rows, photo(unicodedata.normalize(table, name))))


# -- jsonl


def jsonl(root, rows, change, name="list.jsonl"):
  changed = change([json.dumps(row) for row in rows])
  made.put(root / name, changed if isinstance(changed, (str, bytes)) else "\n".join(changed))
  return made.settings(root / name)


NOTE = {"text": "a bed", "modality": "note", "split": "train", "class": "bed"}


def note(**fields):
  return line(2, json.dumps({**NOTE, **fields}))


BAD_OBJECTS = {
  "indented": (lambda w: json.dumps([json.loads(row) for row in w][0], indent=1),
               "line 1: an object goes on in the next line; expected one object a line: jq -c . "),
  "one array": (lambda w: json.dumps([json.loads(row) for row in w], indent=1),
                "line 1: an array begins here; expected one object a line: jq -c '.[]' "),
  "one array in one line": (lambda w: "[" + ",".join(w) + "]", "line 1: an array begins here"),
  "records behind a sign without a look": (lambda w: "\x1e" + "\n\x1e".join(w),
                                           "character 1: \\x1e{"),
  "brackets": (line(2, "[" * 100_000), "list.jsonl:2: brackets nested too deep"),
  "objects nested": (line(2, '{"a":' * 100_000), "list.jsonl:2: brackets nested too deep"),
  "brackets first": (line(1, "[" * 100_000), "line 1: brackets nested too deep"),
  "key twice": (line(2, '{"class": "bed", "class": "lamp"}'), "list.jsonl:2: key 'class' is there "
                "twice"),
  "two objects": (lambda w: [w[0], w[1] + w[2], *w[3:]],
                  "list.jsonl:2: more follows after the object"),
  "a comma": (lambda w: [w[0], w[1] + ",", *w[2:]], "list.jsonl:2: more follows after the object"),
  "single quotes": (line(2, "{'text': 'a bed'}"), "list.jsonl:2: Expecting property name enclosed"),
  "cut short": (lambda w: [*w[:-1], w[-1][:30]], "list.jsonl:16: "),
  "words": (line(2, "a bed"), "list.jsonl:2: Expecting value at character 1: a bed"),
  "a number": (line(2, "3"), "list.jsonl:2: 3; expected an object with path, text"),
  "null": (line(2, "null"), "list.jsonl:2: None; expected an object"),
  "an array a line": (line(2, "[1, 2]"), "list.jsonl:2: [1, 2]; expected an object"),
  "a long number": (line(2, "9" * 5000), "list.jsonl:2: "),
  "a number for a class": (note(**{"class": 3}), "list.jsonl:2: class 3; expected a string"),
  "zero for a class": (note(**{"class": 0}), "list.jsonl:2: class 0; expected a string"),
  "a list for a class": (note(**{"class": ["bed"]}), "class ['bed']; expected a string"),
  "an empty list": (note(**{"class": []}), "list.jsonl:2: class []; expected a string"),
  "false": (note(split=False), "list.jsonl:2: split False; expected a string"),
  "label for class": (line(2, json.dumps({"text": "a", "modality": "note", "split": "train",
                                          "label": "bed"})),
                      "list.jsonl:2: no class; the row has text, modality, split, label"),
  "half a pair in a text": (note(text="a \ud800 bed"),
                            "list.jsonl:2: text with \\ud800 at character 3"),
  "half a pair in a class": (note(**{"class": "b\udfff"}), "list.jsonl:2: class with \\udfff at"),
  "half a pair in a path": (note(path="\udc80.png", text=""), "list.jsonl:2: path with \\udc80"),
  "half a pair in a modality": (note(modality="n\ud800"), "list.jsonl:2: modality with \\ud800"),
  "half a pair in a key": (line(2, '{"cl\\ud800": 1}'),
                           "no modality, split, class; the row has cl"),
  "text too long": (note(text="a" * 3_000_000), "list.jsonl:2: 3,000,000 bytes of text"),
  "text of NULs": (note(text="\0\0"), "list.jsonl:2: empty text"),
  "text of zero-width blanks": (note(text="\u200b\u200d"), "list.jsonl:2: empty text"),
  "class of two lines": (note(**{"class": "a\nb"}), "class a\\nb has a line break in its name"),
  "class of 300 letters": (note(**{"class": "b" * 300}), "class of 300 letters"),
  "modality of 250 letters": (note(modality="n" * 250), "250 bytes; expected 100 at most"),
  "split of a long name": (note(split="x" * 5000), "(5,000 characters)"),
  "empty": (lambda w: "", "0 modality with examples"), "html": (lambda w: PAGE, "is an HTML page"),
  "utf-16": (lambda w: "\n".join(w).encode("utf-16"), "text in UTF-16"),
}


@pytest.mark.parametrize("name", BAD_OBJECTS)
def test_a_bad_jsonl_is_named_by_line(root, rows, name):
  change, said = BAD_OBJECTS[name]
  refused(jsonl(root, rows, change), said)


@pytest.mark.parametrize("name, change", [
  ("LIST.JSONL", lambda w: w), ("list.ndjson", lambda w: w),
  ("list.jsonl", lambda w: b"\xef\xbb\xbf" + "\n".join(w).encode()),
  ("list.jsonl", lambda w: [row.replace('"class"', '"Class"') for row in w]),
  ("list.jsonl", lambda w: "\n".join(w) + "\n\x1a"),
  ("list.jsonl", lambda w: "\r\n".join(w)), ("list.jsonl", lambda w: "\n\n".join(w) + "\n \n"),
  ("list.jsonl", lambda w: [json.dumps({**json.loads(row), "more": [1]}) for row in w])])
def test_lines_of_objects_are_read_however_they_are_written(root, rows, name, change):
  assert len(read(jsonl(root, rows, change, name)).splits["train"]["note"]) == 4


BAD_FILES = [
  ("list.xlsx", b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml", "It is an Excel workbook"),
  ("list.json", b"[]", "is a file of type .json; expected root/<modality>"),
  ("list.parquet", b"PAR1" + bytes(20), "It is a Parquet table: save it as .csv or .jsonl"),
  ("list.txt", b"x", "is a file of type .txt"), ("list", b"x", "is a file of type none"),
  ("list.csv.gz", b"\x1f\x8b\x08\0", "It is compressed by gzip: unpack it")]


@pytest.mark.parametrize("name, content, said", BAD_FILES)
def test_a_file_that_is_no_manifest_is_named(root, name, content, said):
  made.put(root / name, content)
  refused(made.settings(root / name), said)


def test_a_pipe_is_no_manifest(root):
  root.mkdir()
  os.mkfifo(root / "list.csv")
  refused(made.settings(root / "list.csv"), "list.csv is neither a folder nor a file")


# -- what messages advise


@pytest.mark.skipif(subprocess.run(["which", "jq"], capture_output=True,
                                   check=False).returncode != 0,
                    reason="jq is not installed")
@pytest.mark.parametrize("name", ["indented", "one array"])
def test_the_command_for_objects_over_several_lines_leads_on(root, rows, name):
  content = [json.dumps(row, indent=1) for row in rows] if name == "indented" else json.dumps(
    rows, indent=1)
  data = jsonl(root, rows, lambda w: content)
  with pytest.raises(ValueError) as error:
    check.check(data)
  assert os.system(f"{error.value}".split("a line: ")[1].split(": ")[0]) == 0
  read(made.settings(root / "lines_list.jsonl"))


def test_the_command_for_another_encoding_leads_on(root, rows):
  change = line(3, ",a café,note,train,bed")
  data = csv_of(root, rows, lambda w: "\n".join(change(w)).encode("cp1252"))
  with pytest.raises(ValueError) as error:
    check.check(data)
  assert os.system(f"{error.value}".split("convert it: ")[1]) == 0
  train = read(made.settings(root / "utf8_list.csv")).splits["train"]
  assert train["note"][0]["input"] == "a café"
