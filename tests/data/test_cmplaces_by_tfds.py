"""CMPlaces under the test case that TFDS has for its own builders; it needs TensorFlow."""

import pathlib
import tempfile

import made_archives
import pytest

pytest.importorskip("tensorflow", reason="DatasetBuilderTestCase needs TensorFlow")
pytest.importorskip("dill", reason="DatasetBuilderTestCase needs dill")

import tensorflow_datasets as tfds

from cmx.data.sets.cmplaces import dataset as cmplaces

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's own are many


class CmplacesCase(tfds.testing.DatasetBuilderTestCase):
  """Registered, described, prepared and read in graph and eager mode, splits disjoint."""

  DATASET_CLASS = cmplaces.Cmplaces
  SPLITS = {"train": 4, "validation": 2}

  @classmethod
  def setUpClass(cls):
    cls._made = tempfile.TemporaryDirectory()
    cls.EXAMPLE_DIR = made_archives.all_of(pathlib.Path(cls._made.name), [0, 36])
    super().setUpClass()

  @classmethod
  def tearDownClass(cls):
    super().tearDownClass()
    cls._made.cleanup()

  def _make_builder(self, config=None):
    # the case reads by tf.data, which does not read ArrayRecord
    return cmplaces.Cmplaces(data_dir=self.tmp_dir, config=config, file_format="tfrecord")
