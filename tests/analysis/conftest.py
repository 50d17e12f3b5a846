"""Fixtures of the analysis of a run that was never trained."""

import made_findings
import pytest


@pytest.fixture(scope="session")
def found(run):
  """What the run's units are found to be."""
  return made_findings.find(run)
