"""CMPlaces as a data set: preparing with TFDS, restarts, Beam, reading, sets in its place."""

import importlib.util
import io
import json
import signal
import subprocess
import sys
import tarfile
import zipfile

import made_archives
import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from cmx import config as config_lib
from cmx import data
from cmx import modalities
from cmx.data.sets import _shards
from cmx.data.sets import _tfds
from cmx.data.sets.cmplaces import categories
from cmx.data.sets.cmplaces import dataset as cmplaces
from cmx.data.sets.cmplaces import shards
from cmx.files import archives

LABELS = [0, 2, 13, 36]
ROWS = [row.name for row in modalities.CMPLACES]
BEAM = importlib.util.find_spec("apache_beam") is not None


def settings(root, **fields):
  names = fields.pop("modalities", ())
  return config_lib.Data(name="cmplaces", root=str(root), modalities=names,
                         cmplaces=config_lib.Cmplaces(**fields))


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory):
  return made_archives.all_of(tmp_path_factory.mktemp("made"), LABELS)


@pytest.fixture(scope="module", name="root")
def _root(made, tmp_path_factory):
  root = tmp_path_factory.mktemp("prepared")
  data.prepare(settings(root, archives=str(made)))
  return root


# -- what TFDS's own DatasetBuilderTestCase checks, without TensorFlow


def test_the_builder_is_registered_and_described():
  assert "cmplaces" in tfds.list_builders(with_community_datasets=False)
  assert list(cmplaces.Cmplaces.builder_configs) == ROWS
  assert "imagesPlaces205_resize" in cmplaces.Cmplaces.MANUAL_DOWNLOAD_INSTRUCTIONS


@pytest.mark.parametrize("name", ROWS)
def test_records_are_those_of_the_features_and_splits_share_none(name, root):
  builder = tfds.builder_from_directory(root / "cmplaces" / name / "1.0.0")
  assert builder.info.full_name == f"cmplaces/{name}/1.0.0"
  assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
    "train": 8, "validation": 4}
  label = builder.info.features["label"]
  assert label.names == list(categories.NAMES)
  seen = {}
  for split in ("train", "validation"):
    source = builder.as_data_source(split=split)  # TFDS reads and decodes it itself
    seen[split] = {example["key"] for example in source}
    for example in source:
      if name == "description":
        assert isinstance(example["text"], bytes) and 0 <= example["label"] < 205
      else:
        assert example["image"].shape == (256, 256, 3) and example["image"].dtype == np.uint8
  assert len(seen["train"]) == 8 and len(seen["validation"]) == 4
  assert not seen["train"] & seen["validation"]


# -- opening


def test_examples_are_the_archives_files(root, made):
  dataset = data.load(settings(root))
  assert dataset.classes == categories.NAMES and [m.name for m in dataset.modalities] == ROWS
  with tarfile.open(made / "imagesPlaces205_resize.tar.gz") as archive:
    for split, sources in dataset.splits.items():
      source = sources["natural"]
      assert source.labels.dtype == np.int32
      for index in range(len(source)):
        example = source[index]
        with Image.open(archive.extractfile(example["key"])) as image:
          np.testing.assert_array_equal(example["input"], np.asarray(image))
        assert example["label"] == source.labels[index]
        assert f"/{made_archives.PUBLIC[example['label']]}/" in example["key"]
  texts = dataset.splits["train"]["description"]
  assert texts[0] == {"input": "There is a abbey. It is large, e.g. 3.5 m high! Is it old?",
                      "label": 0, "key": "text/abbey/000000.txt"}


def test_pictures_are_kept_as_the_bytes_they_were(root, made):
  record = data.load(settings(root)).splits["train"]["natural"].record(0)
  with tarfile.open(made / "imagesPlaces205_resize.tar.gz") as archive:
    assert record.content("image") == archive.extractfile(record.text("key")).read()


def test_pictures_are_read_at_the_size_of_the_config(root):
  dataset = data.load(settings(root, image_size=32))
  assert {m.shape for m in dataset.modalities if m.kind == "pixels"} == {(32, 32, 3)}
  assert dataset.splits["train"]["clipart"][0]["input"].shape == (32, 32, 3)
  whole = data.load(settings(root))
  assert dataset.fingerprint != whole.fingerprint
  for size in (31, 257):
    with pytest.raises(ValueError, match=f"image_size {size}; expected 32 to 256 pixels"):
      data.load(settings(root, image_size=size))


def test_modalities_that_are_not_named_need_no_archives(made, tmp_path):
  some = settings(tmp_path, archives=str(made), modalities=("drawing", "description"))
  data.prepare(some)
  assert [m.name for m in data.load(some).modalities] == ["drawing", "description"]
  with pytest.raises(FileNotFoundError, match="natural of CMPlaces is not prepared in "
                                              ".*launch.prep"):
    data.load(settings(tmp_path, archives=str(made)))


def test_the_manual_directory_of_tfds_is_where_archives_are_looked_for(tmp_path):
  with pytest.raises(FileNotFoundError,
                     match="(?s)downloads/manual:.*natural: imagesPlaces205_resize.*--config.data"):
    data.prepare(settings(tmp_path))
  made_archives.others(_dir(tmp_path / "downloads" / "manual"), [0, 1])
  data.prepare(settings(tmp_path, modalities=("description",)))
  assert len(data.load(settings(tmp_path, modalities=("description",))).splits["train"]) == 1


def _dir(path):
  path.mkdir(parents=True)
  return path


def test_preparing_again_changes_nothing(root, made):
  def state():
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()
            and path.suffix != ".lock"}
  before = state()
  data.prepare(settings(root, archives=str(made)))
  assert state() == before and not list(root.rglob("*incomplete*")) and not list(
    root.rglob("parts.*"))


# -- shards, restarts


@pytest.fixture(name="small_shards")
def _small_shards(monkeypatch):
  monkeypatch.setattr(shards, "EXAMPLES", 3)


def contents_of(root, name="description", **fields):
  dataset = data.load(settings(root, modalities=(name,), **fields))
  return {split: [(e["key"], e["label"], str(np.asarray(e["input"]).sum())
                   if name != "description" else e["input"])
                  for e in (source[name][i] for i in range(len(source[name])))]
          for split, source in dataset.splits.items()}, dataset.fingerprint


def test_many_shards_hold_the_same_examples_in_the_same_order(made, tmp_path, root, small_shards):
  only = settings(tmp_path, archives=str(made), modalities=("description",))
  data.prepare(only)
  folder = tmp_path / "cmplaces" / "description" / "1.0.0"
  assert len(list(folder.glob("cmplaces-train.array_record-*-of-00003"))) == 3
  assert contents_of(tmp_path)[0] == contents_of(root)[0]


def test_a_stopped_preparation_goes_on_after_its_last_shard(made, tmp_path, small_shards,
                                                            monkeypatch):
  only = settings(tmp_path, archives=str(made), modalities=("natural",))
  written = []
  write = shards.write_shard
  def stop_at_the_third(work, reader, name, count):
    written.append(name)
    if len(written) == 3:
      raise KeyboardInterrupt
    write(work, reader, name, count)
  monkeypatch.setattr(shards, "write_shard", stop_at_the_third)
  with pytest.raises(KeyboardInterrupt):
    data.prepare(only)
  planned = []
  monkeypatch.setattr(shards.planning, "plan", lambda *args: planned.append(args))
  data.prepare(only)
  assert written == ["train-00000", "train-00001", "train-00002",  # stopped here, then on from here
                     "train-00002", "validation-00000", "validation-00001"]
  assert not planned  # the plan was there: a long stream is not listed again
  assert [len(entries) for entries in contents_of(tmp_path, "natural")[0].values()] == [8, 4]
  assert not list(tmp_path.rglob("parts.*"))


def test_another_archive_begins_anew(made, tmp_path, small_shards, monkeypatch):
  manual = made_archives.all_of(tmp_path / "manual", LABELS)
  only = settings(tmp_path / "root", archives=str(manual), modalities=("description",))
  with monkeypatch.context() as patch:
    patch.setattr(shards, "card", _interrupt)
    with pytest.raises(KeyboardInterrupt):
      data.prepare(only)
  with zipfile.ZipFile(manual / "descriptions.zip", "a") as archive:
    archive.writestr("text/abbey/new.txt", "new words")
  (manual / "text_train.txt").write_text("text/abbey/new.txt\n")
  data.prepare(only)
  assert contents_of(tmp_path / "root")[0]["train"] == [("text/abbey/new.txt", 0, "new words")]


def _interrupt(*args):
  raise KeyboardInterrupt


KILLED = """
import os, sys, time
from cmx import config, data
from cmx.data.sets.cmplaces import shards
shards.EXAMPLES, write = 3, shards.write_shard
def slow(work, reader, name, count):
  write(work, reader, name, count)
  os.write(1, name.encode() + b"\\n")
  time.sleep(60)
shards.write_shard = slow
cmplaces = config.Cmplaces(archives=sys.argv[2])
data.prepare(config.Data("cmplaces", sys.argv[1], ("drawing",), cmplaces=cmplaces))
"""


def test_a_killed_preparation_goes_on(made, tmp_path, root, small_shards, monkeypatch):
  command = [sys.executable, "-c", KILLED, str(tmp_path), str(made)]
  with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                        text=True) as killed:
    said = killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
  assert said == "train-00000\n"
  written, write = [], shards.write_shard
  monkeypatch.setattr(shards, "write_shard", lambda work, reader, name, count: (
    written.append(name), write(work, reader, name, count)))
  data.prepare(settings(tmp_path, archives=str(made), modalities=("drawing",)))
  assert written == ["train-00001", "train-00002", "validation-00000", "validation-00001"]
  assert contents_of(tmp_path, "drawing")[0] == contents_of(root, "drawing")[0]


# -- files that do not decode


@pytest.fixture(name="damaged")
def _damaged(tmp_path):
  manual = made_archives.all_of(tmp_path / "manual", LABELS)
  with zipfile.ZipFile(manual / "clipart.zip", "a") as archive:
    archive.writestr("clipart/abbey/bad.png", b"\x89PNG and no more")
    archive.writestr("clipart/alley/good.png", made_archives.picture(1, 2, kind="PNG"))
  (manual / "clipart_train.txt").write_text(
    "clipart/abbey/000000.png\nclipart/abbey/bad.png\nclipart/alley/good.png\n")
  (manual / "clipart_val.txt").write_text("clipart/abbey/000002.png\n")
  return manual


def test_a_picture_that_does_not_decode_is_named_with_its_list_and_line(damaged, tmp_path):
  with pytest.raises(ValueError,
                     match="clipart_train.txt line 2: clipart/abbey/bad.png(?s:.*)damaged=1"):
    data.prepare(settings(tmp_path, archives=str(damaged), modalities=("clipart",)))


def test_a_cut_photograph_in_a_stream_is_named_with_its_list_and_line(tmp_path):
  made_archives.natural(tmp_path, [0])
  with tarfile.open(tmp_path / "imagesPlaces205_resize.tar.gz", "w:gz") as archive:
    for number in range(3):
      content = made_archives.picture(number, 0)
      made_archives.add(archive, f"{made_archives.PLACES_ROOT}/a/abbey/gsun_{number:04d}.jpg",
                        content[:len(content) // 2] if number == 1 else content)
  with pytest.raises(ValueError,
                     match="train_places205.csv line 2: data/.*gsun_0001.jpg in .*tar.gz: "):
    data.prepare(settings(tmp_path / "root", archives=str(tmp_path), modalities=("natural",)))


def test_an_empty_description_is_named_with_its_list_and_line(damaged, tmp_path):
  with zipfile.ZipFile(damaged / "descriptions.zip", "a") as archive:
    archive.writestr("text/abbey/empty.txt", b" \n")
  (damaged / "text_train.txt").write_text("text/abbey/000000.txt\n\ntext/abbey/empty.txt\n")
  with pytest.raises(ValueError,
                     match="text_train.txt line 3: .*empty.txt in .*descriptions.zip: empty"):
    data.prepare(settings(tmp_path, archives=str(damaged), modalities=("description",)))


def test_as_many_damaged_files_as_the_config_says_are_left_out(damaged, tmp_path, monkeypatch):
  only = dict(archives=str(damaged), modalities=("clipart",))
  with pytest.raises(ValueError, match="1 files cannot be used"):
    data.prepare(settings(tmp_path, **only))
  monkeypatch.setattr(shards, "write_shard", _interrupt)  # nothing is written again
  data.prepare(settings(tmp_path, damaged=1, **only))
  source = data.load(settings(tmp_path, **only)).splits["train"]["clipart"]
  assert source.labels.tolist() == [0, 2]
  assert [source[i]["key"] for i in range(2)] == ["clipart/abbey/000000.png",
                                                  "clipart/alley/good.png"]
  card = json.loads((tmp_path / "cmplaces" / "clipart" / "1.0.0" / "card.json").read_text())
  assert len(card["left_out"]) == 1 and "clipart_train.txt line 2" in card["left_out"][0]


def test_a_split_of_damaged_files_alone_is_refused(damaged, tmp_path):
  (damaged / "clipart_train.txt").write_text("clipart/abbey/bad.png\n")
  with pytest.raises(ValueError, match="no file of clipart train can be used: .*line 1"):
    data.prepare(settings(tmp_path, archives=str(damaged), damaged=5, modalities=("clipart",)))


def test_checksums_beside_the_archives_are_checked_first(damaged, tmp_path):
  (damaged / "SHA256SUMS").write_text(f"{'0' * 64}  clipart.zip\n")
  with pytest.raises(ValueError, match="clipart.zip has SHA-256"):
    data.prepare(settings(tmp_path, archives=str(damaged), modalities=("clipart",)))


# -- tfds build, Beam


def run_build(*words):
  return subprocess.run([sys.executable, "-m", "launch.build", *words], capture_output=True,
                        text=True, timeout=300)


def test_tfds_build_prepares_what_the_config_opens(made, tmp_path):
  ran = run_build("cmplaces/description", f"--manual_dir={made}", f"--data_dir={tmp_path}")
  assert ran.returncode == 0, ran.stderr[-2000:]
  assert "'train': <SplitInfo num_examples=8, num_shards=1>" in ran.stdout
  assert len(data.load(settings(tmp_path, modalities=("description",))).splits["train"]) == 1


def test_tfds_build_can_make_a_few_examples_only(made, tmp_path):
  builder = cmplaces.Cmplaces(config="natural", data_dir=tmp_path)
  builder.download_and_prepare(download_config=tfds.download.DownloadConfig(
    manual_dir=made, max_examples_per_split=3))
  sources = data.load(settings(tmp_path, modalities=("natural",))).splits
  assert [len(sources[split]["natural"]) for split in cmplaces.SPLITS] == [3, 3]


def test_tfds_build_without_archives_says_what_to_get(tmp_path):
  ran = run_build("cmplaces/drawing", f"--manual_dir={_dir(tmp_path / 'manual')}",
                  f"--data_dir={tmp_path}")
  assert ran.returncode == 1 and "drawing: line_drawings (.zip," in ran.stderr
  assert "Traceback" not in ran.stderr


def test_beam_is_asked_for_by_flags():
  with pytest.raises(ValueError, match="Beam's option 'runner=x'; expected --name=value"):
    _shards.options(["runner=x"])
  assert _shards.options([]) is None


@pytest.mark.skipif(BEAM, reason="Beam is installed")
def test_beam_that_is_missing_is_named_with_its_extra():
  with pytest.raises(ModuleNotFoundError, match=r"needs apache-beam: pip install 'cmx\[beam\]'"):
    _shards.options(["--runner=DirectRunner"])


@pytest.mark.skipif(not BEAM, reason="needs apache-beam")
def test_beam_writes_the_same_records(made, tmp_path, root, small_shards):
  flags = ("--runner=DirectRunner",)
  data.prepare(settings(tmp_path, archives=str(made), modalities=("clipart",), beam=flags))
  assert contents_of(tmp_path, "clipart")[0] == contents_of(root, "clipart")[0]


@pytest.mark.skipif(not BEAM, reason="needs apache-beam")
def test_beam_goes_on_where_one_process_stopped(made, tmp_path, root, small_shards, monkeypatch):
  only = dict(archives=str(made), modalities=("clipart",))
  with monkeypatch.context() as patch:
    finish = _shards.finish
    def stop_after(folder, name, result):
      finish(folder, name, result)
      raise KeyboardInterrupt
    patch.setattr(_shards, "finish", stop_after)
    with pytest.raises(KeyboardInterrupt):
      data.prepare(settings(tmp_path, **only))
  kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("train-00000.records")}
  with monkeypatch.context() as patch:
    patch.setattr(shards, "card", _interrupt)
    with pytest.raises(KeyboardInterrupt):
      data.prepare(settings(tmp_path, beam=("--runner=DirectRunner",), **only))
  assert kept and all(path.stat().st_mtime_ns == when for path, when in kept.items())
  data.prepare(settings(tmp_path, **only))
  assert contents_of(tmp_path, "clipart")[0] == contents_of(root, "clipart")[0]


def test_beam_refuses_a_compressed_stream(made, tmp_path):
  work = shards.planned(tmp_path, made, "natural", "1.0.0",
                        tfds.core.FileFormat.ARRAY_RECORD, None)
  with pytest.raises(ValueError,
                     match="resize.tar.gz .*gunzip makes imagesPlaces205_resize.tar "):
    shards.write(work, beam_options=object())
  assert archives.is_stream(made / "imagesPlaces205_resize.tar.gz")


# -- another set in place of a modality


class ToyPlaces(tfds.core.GeneratorBasedBuilder):
  """A classification set with classes of its own, three of which are Places'."""

  VERSION = tfds.core.Version("1.0.0")
  NAMES = ["/y/yard", "airfield", "alley", "bakery/shop"]

  def _info(self):
    features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3)),
                                           "label": tfds.features.ClassLabel(names=self.NAMES)})
    return tfds.core.DatasetInfo(builder=self, features=features)

  def _split_generators(self, dl_manager):
    return {"train": self._generate_examples(8), "test": self._generate_examples(4)}

  def _generate_examples(self, count):
    for number in range(count):
      content = made_archives.picture(number, number % 4, (60, 40), "PNG")
      yield number, {"image": io.BytesIO(content).read(), "label": number % 4}


@pytest.fixture(scope="module", name="toys")
def _toys(tmp_path_factory):
  return str(tmp_path_factory.mktemp("toys"))


def test_any_classification_set_serves_as_a_modality_with_classes_matched_by_name(toys, tmp_path,
                                                                                  made):
  both = settings(tmp_path, natural="toy_places", tfds_root=toys, archives=str(made), image_size=64,
                  modalities=("natural", "description"))
  data.prepare(both)  # downloads nothing, makes the set as TFDS does
  dataset = data.load(both)
  train = dataset.splits["train"]["natural"]
  assert sorted(train.labels.tolist()) == [2, 2, 36, 36, 204, 204]  # no airfield among the 205
  for index in range(len(train)):
    example = train[index]
    assert example["input"].shape == (64, 64, 3) and example["label"] == train.labels[index]
    number = {204: 0, 2: 2, 36: 3}[example["label"]]
    with Image.open(io.BytesIO(made_archives.picture(number, number, (60, 40), "PNG"))) as image:
      colour = np.random.default_rng(number).integers(40, 215, (4, 4, 3))[0, 0]
      assert image.size == (60, 40)
    assert np.abs(example["input"][16, 8].astype(int) - colour).max() <= 30  # a class's own colour
  assert len(dataset.splits["validation"]["natural"]) == 3  # of its split "test"
  assert list(tmp_path.glob("tfds/toy_places-1.0.0-train-8.npy"))


def request(toys, tmp_path, name="toy_places", row=modalities.NATURAL, label_of=None):
  row = row._replace(shape=(32, 32, 3)) if row.kind == "pixels" else row
  return _tfds.Request(name, toys, tmp_path, row, categories.NAMES,
                       label_of or categories.label_of)


def test_a_set_that_cannot_serve_is_refused(toys, tmp_path):
  ToyPlaces(data_dir=toys, file_format="array_record").download_and_prepare()
  with pytest.raises(ValueError, match="TFDS has no data set 'nowhere_at_all'; expected a name"):
    _tfds.sources(request(toys, tmp_path, "nowhere_at_all"))
  with pytest.raises(ValueError, match="'toy_places' has 0 fields of kind Text; expected one, "
                                       "among"):
    _tfds.sources(request(toys, tmp_path, row=modalities.DESCRIPTION))
  with pytest.raises(ValueError, match="'toy_places' has 1 of the 205 classes; its own are "
                                       "/y/yard"):
    _tfds.sources(request(toys, tmp_path, label_of={"alley": 2}.get))
  with pytest.raises(FileNotFoundError, match="'toy_places' is not prepared in .*; run tfds build "
                                              "toy"):
    _tfds.sources(request(str(tmp_path / "other"), tmp_path))
