"""What a small run's units are found to be, where no test asks for other options."""

from cmx import data
from cmx.analysis.units import findings
from cmx.analysis.units import options
from cmx.analysis.units import subject
from cmx.data import opening
from cmx.training import checkpoint

OPTIONS = options.Options(layers=("pool5", "fc7"), top=3, show=1, places=0.1, examples=0.2,
                           permutations=19, squares=2)


def find(run: checkpoint.Run) -> findings.Findings:
  """The findings on the validation split of a run's data set."""
  raw, encoded = opening.open_data(run.config)
  of, _ = subject.subject(run, encoded, data.VALIDATION, OPTIONS.layers, (), None)
  return findings.find(of, raw, OPTIONS)
