"""Findings: everything that is known of a run's units, before any of them is looked at closely."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from cmx import data as data_lib
from cmx.analysis.units import consistency
from cmx.analysis.units import objects as objects_lib
from cmx.analysis.units import options as options_lib
from cmx.analysis.units import subject as subject_lib
from cmx.analysis.units import tally as tally_lib
from cmx.runtime import progress


class Findings(NamedTuple):
  """What a run's units do.

  Attributes:
    subject: what was looked at.
    options: how.
    data: name of the data set.
    tallies: {layer: {modality: Tally}}.
    compared: {layer: Consistency}; layers that cannot be compared are left out.
    seen: objects of an example by index, for each modality; {} where they are not known.
    overlaps: of units and objects, or None where those are not known.
    problems: what was asked for and is not there, in words.
  """

  subject: subject_lib.Subject
  options: options_lib.Options
  data: str
  tallies: Mapping[str, Mapping[str, tally_lib.Tally]]
  compared: Mapping[str, consistency.Consistency]
  seen: Mapping[str, Callable[[int], objects_lib.Seen]]
  overlaps: objects_lib.Overlaps | None
  problems: list[str]


def find(subject: subject_lib.Subject, raw: data_lib.Dataset,
         options: options_lib.Options) -> Findings:
  """Passes over the examples, and compares modalities.

  Args:
    subject: of the options' split, layers and modalities.
    raw: the data set, not encoded; it may know its objects.
    options: what is asked for.
  """
  tallies = subject_lib.tally(subject, top=options.top, places=options.places,
                              examples=options.examples)
  compared, problems = {}, []
  for layer, part in tallies.items():
    profiles = np.stack([tally_lib.profile(tally) for tally in part.values()])
    what = f"{subject.run.config.method}, {layer}"
    with progress.Progress(what, options.permutations, "permutations") as line:
      try:
        compared[layer] = consistency.consistency(profiles, options.rng(layer),
                                                  options.permutations, line.update)
      except ValueError as error:
        problems.append(f"No consistency of {layer}: {error}")
  seen = objects_lib.seen(raw, options.split, [row.name for row in subject.modalities])
  overlaps = objects_lib.overlaps(subject, tallies, seen) if seen else None
  return Findings(subject, options, raw.name, tallies, compared, seen, overlaps, problems)
