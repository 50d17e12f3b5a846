"""Fixtures of reports."""

import pytest

import small_experiment
from cmx import data


@pytest.fixture
def made_up(monkeypatch):
  """Opens `small_experiment`'s data set for every config."""
  monkeypatch.setattr(data, "load", lambda config: small_experiment.dataset())


@pytest.fixture
def experiment(tmp_path, made_up):
  """An experiment of two rows and two seeds."""
  small_experiment.write(tmp_path / "runs")
  return tmp_path / "runs"
