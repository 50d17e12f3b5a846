"""What messages advise leads on: commands and flags are followed as printed, and then it works.

Commands of other programs (jq, iconv, tr, unzip, a loop of the shell) are followed beside the fault
that they are for, in tests/data/test_bad_inputs_*.py.
"""

import ast
import importlib.util
import io
import pathlib
import re
import shlex
import zipfile

import numpy as np
import pytest

import bad_folders as made
import made_weights
import tiny
from cmx import config as config_lib
from cmx import data as data_lib
from cmx import fields
from cmx.data import check
from cmx.data.sets.folders import dataset as folders
from cmx.files import weights
from cmx.training import train

ROOT = pathlib.Path(__file__).parents[1]
SMALL = ("--compilation_cache=", "--config.mixture.components=2", "--config.encoders.pixels=",
         "--config.encoders.text=hashing", "--config.data.folders.image_size=32")


def command_in(text):
  """Name and flags of the command of ours that a text advises."""
  name, rest = re.search(r"python -m launch\.(\w+)([^\n]*)", text).groups()
  words = shlex.split(rest)
  return name, words[:next((i for i, word in enumerate(words) if not word.startswith("--")),
                           len(words))]


def flag_in(text, start):
  return re.search(rf"{re.escape(start)}[\w.]*\w", text)[0]


def test_folders_that_are_not_prepared_are_by_the_command_whatever_their_options(launch, tmp_path):
  root = made.folders(tmp_path / "my 'own' data")
  made.put(root / "note/train/bed/0.txt", "")
  data = made.settings(root, damaged=1, reference="note", modalities=("note", "photo"))
  with pytest.raises(FileNotFoundError) as error:
    data_lib.load(data)
  name, words = command_in(f"{error.value}")
  assert launch(name, *words, "--compilation_cache=")[0] == 0
  assert [row.name for row in data_lib.load(data).modalities] == ["note", "photo"]


def test_a_world_that_is_not_rendered_is_by_the_command(launch, tmp_path):
  data = tiny.config(tmp_path, data__world__seed=5).data
  with pytest.raises(FileNotFoundError) as error:
    data_lib.load(data)
  name, words = command_in(f"{error.value}")
  assert launch(name, *words, "--compilation_cache=")[0] == 0
  assert len(data_lib.load(data).classes) == tiny.CLASSES


def without_validation(root):
  for path in (root / "note/validation").rglob("*.txt"):
    path.unlink()
  return root


@pytest.mark.parametrize("damage, asked, start", [
  (lambda root: made.put(root / "note/train/bed/0.txt", ""), (), "--config.data.folders.damaged="),
  (without_validation, (), "--config.data.holdout="),
  (lambda root: None, ["--config.mixture.components=100"], "--config.mixture.components=")],
  ids=["damaged", "holdout", "components"])
def test_a_flag_that_the_check_names_leads_on(launch, tmp_path, damage, asked, start):
  root = made.folders(tmp_path / "mine")
  damage(root)
  flags = [f"--path={root}", f"--config.data.root={tmp_path}", *SMALL, *asked]
  code, text = launch("check", *flags)
  assert code == 1
  flags.append(flag_in(text, start))
  code, text = launch("check", *flags)
  assert code == 0, text


class Reached(Exception):
  """The first step."""


def test_the_command_to_train_comes_to_its_first_step(launch, tmp_path, monkeypatch):
  root = made.folders(tmp_path / "my data")
  made.put(root / "note/train/bed/0.txt", "")
  code, text = launch("check", f"--path={root}", f"--config.data.root={tmp_path / 'a b'}",
                      "--config.data.folders.damaged=1", "--config.data.modalities=photo,note",
                      "--config.mixture.layers=fc7", *SMALL)
  assert code == 0, text
  name, words = command_in(text)
  assert "--workdir=runs/mine" in words

  def reach(config, *rest):
    raise Reached(config)

  monkeypatch.setattr(train, "train", reach)
  with pytest.raises(Reached) as reached:
    launch(name, *(f"--workdir={tmp_path / 'run'}" if word.startswith("--workdir") else word
                   for word in words), "--compilation_cache=", "--config.reference.batch=8",
           "--config.optimizer.batch=8")
  config = reached.value.args[0]
  assert config.data.modalities == ("photo", "note") and config.data.folders.damaged == 1
  assert config.encoders.text == "hashing"  # the default, which the advice would have replaced


def test_annotations_are_left_out_by_the_flag(launch, tmp_path):
  good = {"id": 1, "file_name": "abbey/a.jpg", "width": 9, "height": 9}
  tree = {"images": [good, {**good, "id": 2}], "categories": [{"id": 1, "name": "bed"}],
          "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}]}
  made.put(tmp_path / "x.json", f"{tree}".replace("'", '"'))
  flags = [f"--annotations={tmp_path / 'x.json'}", f"--out={tmp_path / 'o.zip'}",
           "--variations=1", "--validation=0", "--compilation_cache="]
  code, text = launch("spatial_text", *flags)
  assert code == 1
  assert launch("spatial_text", *flags, flag_in(text, "--damaged="))[0] == 0


def arrays():
  stream = io.BytesIO()
  np.savez(stream, **{"a.weight": np.ones((1, 2), np.float32)})
  return stream.getvalue()


WEIGHTS = {
  "w.ckpt": lambda: made_weights.checkpoint({"a.weight": np.ones((1, 2), np.float32)}),
  "w.safetensors": lambda: made_weights.checkpoint({"a.weight": np.ones((1, 2), np.float32)}),
  "w.bin": arrays, "w.pth": arrays}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_read_by_the_name_that_is_advised(tmp_path, name):
  made.put(tmp_path / name, WEIGHTS[name]())
  with pytest.raises(ValueError) as error:
    weights.read(tmp_path / name)
  suffix = f"{error.value}".split("name it ")[1]
  (tmp_path / name).rename(tmp_path / f"w{suffix}")
  assert list(weights.read(tmp_path / f"w{suffix}")) == ["a.weight"]


@pytest.mark.parametrize("name, content", [
  ("list.csv", "path\ttext\tmodality\tsplit\tclass\n"), ("list.tsv", "path,text,modality,split,cl"
                                                                     "ass\n")])
def test_a_table_is_read_by_the_name_that_is_advised(tmp_path, name, content):
  made.put(tmp_path / name, content)
  with pytest.raises(ValueError) as error:
    check.check(made.settings(tmp_path / name))
  suffix = f"{error.value}".split("name it ")[1]
  (tmp_path / name).rename(tmp_path / f"list{suffix}")
  assert check.check(made.settings(tmp_path / f"list{suffix}")).classes == []


def test_a_picture_is_read_by_the_name_that_is_advised(tmp_path):
  root = made.folders(tmp_path / "mine")
  (root / "photo/train/bed/0.png").rename(root / "photo/train/bed/0.PHOTO")
  [bad] = check.check(made.settings(root)).bad
  suffix = bad["why"].split("name it ")[1]
  (root / "photo/train/bed/0.PHOTO").rename(root / f"photo/train/bed/0{suffix}")
  assert check.check(made.settings(root)).bad == []


def test_what_has_its_own_name_is_not_told_to_take_it(tmp_path):
  made.paint(tmp_path / "a.png", 1)
  with pytest.raises(ValueError, match=r"It is a PNG picture$"):
    check.check(made.settings(tmp_path / "a.png"))


def test_an_archive_is_no_folder_until_it_is_unpacked(tmp_path):
  root = made.folders(tmp_path / "mine")
  with zipfile.ZipFile(tmp_path / "mine.zip", "w") as file:
    for path in sorted(root.rglob("*.*")):
      file.write(path, f"{path.relative_to(tmp_path)}")
  with pytest.raises(ValueError, match="It is a zip archive: unpack it and give what is in it"):
    check.check(made.settings(tmp_path / "mine.zip"))
  with zipfile.ZipFile(tmp_path / "mine.zip") as file:
    file.extractall(tmp_path / "unpacked")
  folders.prepare(made.settings(tmp_path / "unpacked/mine"))


def texts():
  """Every text of the program, with its file."""
  for path in sorted([*(ROOT / "cmx").rglob("*.py"), *(ROOT / "launch").rglob("*.py")]):
    for node in ast.walk(ast.parse(path.read_text())):
      if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield path, node.value


def test_every_command_and_field_that_is_named_exists():
  named = [(path, found) for path, text in texts()
           for found in re.findall(r"\blaunch\.([a-z_]+)|--config\.([a-z_.]*[a-z_])=", text)]
  assert len(named) > 60
  for path, (command, field) in named:
    if command:
      assert importlib.util.find_spec(f"launch.{command}"), (path, command)
    else:
      fields.field(config_lib.Config(), field)
