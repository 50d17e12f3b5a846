"""Records of TFDS as a source, on records written by TFDS itself."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cmx.data.sets import _records


class Toy(tfds.core.GeneratorBasedBuilder):
  """Three words with numbers."""

  VERSION = tfds.core.Version("1.0.0")

  def _info(self):
    features = {"word": tfds.features.Text(), "number": np.int64}
    return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features),
                                 disable_shuffling=True)

  def _split_generators(self, dl_manager):
    return {"train": self._generate_examples()}

  def _generate_examples(self):
    for number, word in enumerate(("bed", "café", "sky")):
      yield number, {"word": word, "number": -number}


@pytest.fixture(scope="module", name="builder")
def _builder(tmp_path_factory):
  builder = Toy(data_dir=tmp_path_factory.mktemp("toy"), file_format="array_record")
  builder.download_and_prepare()
  return builder


def _source(builder, **options):
  raw = _records.opened(builder, "train", 3)
  labels = np.array(options.pop("labels", [5, 6, 7]), np.int32)
  return _records.Records(raw, labels, lambda record: record.text("word"),
                          lambda record, number: f"{record.integer('number')}/{number}", **options)


def test_fields_are_those_that_were_written(builder):
  source = _source(builder)
  assert [source[i] for i in range(3)] == [
    {"input": "bed", "label": 5, "key": "0/0"}, {"input": "café", "label": 6, "key": "-1/1"},
    {"input": "sky", "label": 7, "key": "-2/2"}]
  assert source.record(1).content("word") == "café".encode()


def test_indices_choose_records_and_keys_follow_them(builder):
  source = _source(builder, labels=[1, 0], indices=np.array([2, 0]))
  assert len(source) == 2
  assert [source[i] for i in range(2)] == [{"input": "sky", "label": 1, "key": "-2/2"},
                                           {"input": "bed", "label": 0, "key": "0/0"}]


def test_a_fingerprint_is_there_only_where_one_is_given(builder):
  assert _source(builder, fingerprint="abc").fingerprint == "abc"
  assert not hasattr(_source(builder), "fingerprint")


def test_another_number_of_records_is_refused(builder):
  with pytest.raises(ValueError, match="3 records of toy train; expected 4: remove .* and prepare"):
    _records.opened(builder, "train", 4)
  assert _records.opened(builder, "validation", 0) == ()
