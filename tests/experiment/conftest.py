"""Fixtures of whole experiments."""

import pytest

import tiny
from cmx.training import train


@pytest.fixture(scope="session")
def root(tmp_path_factory):
  """The folder of a small data set with a modality of each kind, prepared; for reading."""
  folder = tmp_path_factory.mktemp("data")
  tiny.dataset(folder, **tiny.TWO)
  return folder


@pytest.fixture
def no_training(monkeypatch):
  """Fails a test in which something is trained."""
  def refuse(*args):
    raise AssertionError("something is trained")
  monkeypatch.setattr(train, "train", refuse)
