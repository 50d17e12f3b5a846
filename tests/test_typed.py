"""Flags as people write them: lists, repeated flags, homes and addresses, places to write."""

import importlib
import pathlib

from absl import flags
import pytest

from cmx import config as config_lib
from cmx import fields


@pytest.fixture
def read(forget, monkeypatch):
  """The config that a command line gives."""
  monkeypatch.chdir(pathlib.Path(__file__).parents[1])

  def read(*words):
    forget()
    config_flag = importlib.import_module("launch.config_flag")
    try:
      config_flag.parse(["launch.test", *words])
    except SystemExit as end:
      raise ValueError(end.code) from end
    return config_flag.CONFIG.value

  return read


@pytest.fixture
def typed(forget):
  forget()
  return importlib.import_module("launch.typed")


@pytest.mark.parametrize("words, value", [
  (["photo,note"], ("photo", "note")),
  (["photo, note "], ("photo", "note")),
  (["('photo','note')"], ("photo", "note")),
  (["['photo', 'note']"], ("photo", "note")),
  (["'photo','note'"], ("photo", "note")),
  (["('photo',)"], ("photo",)),
  (["photo", "note"], ("photo", "note")),
  (["photo,note", "('sketch',)"], ("photo", "note", "sketch")),
  (["('a,b','c')"], ("a,b", "c")),
  (["1,2"], ("1", "2")),
  (["(1)"], ("1",)),
  (["Übung,标题"], ("Übung", "标题")),
  ([""], ()),
  (["()"], ())])
def test_a_field_of_several_values_is_written_in_any_usual_way(read, words, value):
  config = read(*(f"--config.data.modalities={word}" for word in words))
  assert config.data.modalities == value


@pytest.mark.parametrize("word, value", [
  ("4,5,6,7", (4, 5, 6, 7)), ("(4,5,6,7)", (4, 5, 6, 7)), ("[8]", (8,)), ("007", (7,))])
def test_numbers_of_a_field_are_numbers(read, word, value):
  assert read(f"--config.network.channels={word}").network.channels == value


@pytest.mark.parametrize("words, name, value", [
  (["--config.optimizer.clip=2"], "clip", 2.0), (["--config.optimizer.clip", "2"], "clip", 2.0),
  (["-config.optimizer.clip=1e-3"], "clip", 1e-3),
  (["--config.optimizer.recompute"], "recompute", True),
  (["--config.optimizer.recompute=False"], "recompute", False),
  (["--config.optimizer.steps=1", "--config.optimizer.steps=2"], "steps", 2)])
def test_one_value_is_read_by_its_type_and_the_last_one_holds(read, words, name, value):
  assert getattr(read(*words).optimizer, name) == value


def test_what_comes_after_two_dashes_is_no_flag(read):
  assert read("--config.seed=1", "--", "--config.seed=2").seed == 1


BAD_FLAGS = [
  ("--config.optimizer.steps=1e3", ["optimizer.steps", "'1e3'", "int"]),
  ("--config.optimizer.steps=", ["optimizer.steps", "''", "int"]),
  ("--config.optimizer.clip=a", ["optimizer.clip", "'a'", "float"]),
  ("--config.optimizer.clip=1,5", ["optimizer.clip", "'1,5'"]),
  ("--config.log.tensorboard=maybe", ["log.tensorboard", "maybe", "true"]),
  ("--config.network.channels=4,,4", ["network.channels", "'4,,4'", "empty"]),
  ("--config.network.channels=4,", ["network.channels", "'4,'", "empty"]),
  ("--config.network.channels=4;4", ["network.channels", "4;4"]),
  ("--config.network.channels=4 4 4 4", ["network.channels", "4 4 4 4"]),
  ("--config.network.channels=(4,4", ["network.channels", "(4,4"]),
  ("--config.network.channels=((4,4),4)", ["network.channels", "(4, 4)"]),
  ("--config.network.channels=4.5", ["network.channels", "4.5"]),
  ("--config.mixture.layers=('fc6,'fc7')", ["mixture.layers", "('fc6,'fc7')"]),
  ("--config.mixture.layers=" + "(" * 5000, ["mixture.layers"]),
  ("--config.network=3", ["network", "section", "tower"]),
  ("--config.rows=c", ["rows", "config file"]),
  ("--config.rows.c=1", ["rows.c"]),
  ("--config.optimiser.steps=3", ["optimiser", "optimizer"]),
  ("--config.=3", ["config"]),
  ("--config..steps=3", [".steps"]),
  ("--config.seed", ["config.seed", "no value"]),
  ("--config.data.root=gs://bucket/x", ["data.root", "gs://bucket/x", "address"]),
  ("--config.data.folders.path=s3://bucket", ["data.folders.path", "s3://bucket", "address"]),
  ("--config.weights.file=https://a.org/w.pth", ["weights.file", "https://a.org/w.pth", "address"]),
  ("--config.weights.mean=gs://b/mean.npy", ["weights.mean", "address"]),
  ("--config.weights.classes=file:///c.txt", ["weights.classes", "address"]),
  ("--config.encoders.file=hdfs://h/glove.txt", ["encoders.file", "address"]),
  ("--config.data.cmplaces.archives=gs:/one", ["cmplaces.archives", "address"]),
  ("--config.data.everyday.packages=az://b", ["everyday.packages", "address"]),
  ("--config.data.root=~nobody_of_this_name/x", ["data.root", "~nobody_of_this_name", "./"]),
  ("--config.data.root=a\0b", ["data.root"]),
  ("--config.network.tower=vgg", ["network.tower", "'vgg'", "resnet18"]),
  ("--config.network.precision=fp16", ["network.precision", "'fp16'", "bfloat16"]),
  ("--config.mixture.covariance=spherical", ["mixture.covariance", "diagonal, tied, full"]),
  ("--config.mixture.layers=fc6,fc9", ["mixture.layers", "'fc9'", "fc7_linear"]),
  ("--config.alignment.layers=fc9", ["alignment.layers", "'fc9'", "fc7_linear"]),
  ("--config.evaluation.layer=FC7", ["evaluation.layer", "'FC7'", "fc7"]),
  ("--config.evaluation.layers=fc7;fc6", ["evaluation.layers", "'fc7;fc6'", "pool5"]),
  ("--config.evaluation.readout=l2", ["evaluation.readout", "'l2'", "cosine"]),
  ("--config.inversion.layer=conv1", ["inversion.layer", "'conv1'", "pool5"]),
  ("--config.inversion.maps=4,100000", ["inversion.maps", "65,536 at most"]),
  ("--config.weights.classifier=other", ["weights.classifier", "same, named, fresh"]),
  ("--config.encoders.text=bert", ["encoders.text", "'bert'", "minilm", "hf:", "python:"]),
  ("--config.encoders.pixels=clip", ["encoders.pixels", "'clip'", "efficientnet_lite0", "hf:"]),
  ("--config.encoders.pixels=HF:x/y", ["encoders.pixels", "'HF:x/y'", "hf:"]),
  ("--config.method=C", ["method 'C'", "bl_ind"]),
  ("--config.data.folders.image_size=100000", ["image_size", "4,096 at most"]),
  ("--config.data.folders.image_size=0", ["image_size", "1 or more"]),
  ("--config.data.world.image_size=9999999", ["image_size", "4,096 at most"]),
  ("--config.network.trunk=1000000", ["network.trunk", "65,536 at most"]),
  ("--config.network.hidden=256,100000", ["network.hidden", "65,536 at most"]),
  ("--config.optimizer.batch=99999999", ["optimizer.batch", "at most"]),
  ("--config.mixture.components=99999999", ["mixture.components", "at most"]),
  ("--config.augment.shift=-3", ["augment.shift", "0 or more"]),
  ("--config.data.root=README.md", ["data.root", "is a file", "folder"]),
  ("--config.weights.file=none.pth", ["weights.file", "none.pth", "there is nothing"]),
  ("--config.weights.classes=none.txt", ["weights.classes", "none.txt", "there is nothing"]),
  ("--config=", ["--config"]),
  ("--config=gs://b/c.py", ["--config", "address"]),
  ("--config=configs", ["configs", "no such file", "world.py"]),
  ("--config=nowhere/c.py", ["nowhere/c.py", "no such file", "get_config"])]


@pytest.mark.parametrize("flag, words", BAD_FLAGS)
def test_a_mistake_in_a_field_is_named_with_what_was_expected(read, flag, words):
  with pytest.raises(ValueError) as refused:
    read(flag)
  assert str(refused.value).startswith("Flags: ")
  for word in words:
    assert word in str(refused.value)


BAD_CONFIGS = [
  ("", ["KeyError", "get_config"]), ("x = ", ["SyntaxError", "line 1"]),
  ("def get_config():\n  return 1 / 0", ["line 2", "ZeroDivisionError"]),
  ("import nothing_of_this_name", ["line 1", "nothing_of_this_name"]),
  ("get_config = dict", ["dict", "cmx.config.Config"]),
  ("def get_config(name):\n  return name", ["TypeError", "name"]),
  ("raise SystemError('x')", ["line 1", "SystemError"]),
  ("from cmx import config\ndef get_config():\n  c = config.Config()\n  c.optimizer.steps = 1e3\n"
   "  return c", ["Optimizer.steps", "1000.0", "int"]),
  ("from cmx import config\ndef get_config():\n  c = config.Config()\n  c.seed = '1'\n  return c",
   ["Config.seed", "'1'", "int"]),
  ("from cmx import config\ndef get_config():\n  c = config.Config()\n  c.data.root = 'gs://b'\n"
   "  return c", ["data.root", "gs://b", "address"])]


@pytest.mark.parametrize("program, words", BAD_CONFIGS)
def test_a_config_file_that_does_not_hold_is_named_with_its_line(read, tmp_path, program, words):
  path = tmp_path / "mine.py"
  path.write_text(program)
  with pytest.raises(ValueError) as refused:
    read(f"--config={path}")
  for word in words:
    assert word in str(refused.value), str(refused.value)


@pytest.mark.parametrize("rows, words", [
  ({"b_gm": {"alignment.weight": 1.0}}, "method 'b_gm'; expected one of reference, bl_ind"),
  ({"c": {"alignment.layers": ["fc9"]}}, "alignment.layers ('fc9',); expected one of pool5"),
  ({"c": {"optimizer.steps": 0}}, "optimizer.steps 0; expected 1 or more"),
  ({"c": {"optimizer.stepps": 1}}, "no field 'optimizer.stepps'")])
def test_what_a_config_file_says_of_rows_is_checked_with_the_flags(read, tmp_path, rows, words):
  (tmp_path / "mine.py").write_text("from cmx import config\ndef get_config():\n"
                                    f"  return config.Config(rows={rows})\n")
  with pytest.raises(ValueError) as refused:
    read(f"--config={tmp_path / 'mine.py'}")
  assert words in str(refused.value)


def test_a_run_s_own_config_is_taken_as_it_is_and_flags_are_checked(typed, tmp_path):
  config_flag = importlib.import_module("launch.config_flag")
  made = config_lib.Config(method="reference")
  made.mixture.layers, made.mixture.components = (), 0  # as a reference network's are
  (tmp_path / "config.json").write_text(fields.to_json(made))
  workdir = typed.path("workdir", None, "")
  words = ["launch.test", f"--workdir={tmp_path}", "--config.evaluation.batch=8"]
  with pytest.raises(SystemExit, match="evaluation.batch 0; expected 1 or more"):
    config_flag.parse([*words, "--config.evaluation.batch=0"], workdir)
  config_flag.parse(words, workdir)
  assert config_flag.CONFIG.value.mixture.components == 0
  assert config_flag.CONFIG.value.evaluation.batch == 8


def test_home_is_written_out_in_fields_and_config_files(read, tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  (tmp_path / "mine.py").write_text(
    "from cmx import config\ndef get_config():\n  c = config.Config()\n"
    "  c.encoders.file = '~/glove.txt'\n  return c\n")
  config = read("--config=~/mine.py", "--config.data.root=~/x")
  assert config.data.root == f"{tmp_path}/x" and config.encoders.file == f"{tmp_path}/glove.txt"


def test_home_is_written_out_in_flags(typed, tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  holder = typed.path("workdir", None, "")
  flags.FLAGS(["x", "--workdir=~/runs"])
  assert holder.value == tmp_path / "runs"


@pytest.mark.parametrize("words, value", [
  ([], ["c"]), (["--rows=a"], ["a"]), (["--rows=a,b", "--rows=('d','e')"], ["a", "b", "d", "e"]),
  (["--rows="], [])])
def test_a_list_flag_given_twice_is_the_sum_of_its_lists(typed, words, value):
  holder = typed.words("rows", ["c"], "")
  flags.FLAGS(["x", *words])
  assert holder.value == value


def test_without_a_file_the_rendered_world_is_meant(read):
  assert read() == read("--config=configs/world.py")
  assert read().data.name == "rendered_world"
