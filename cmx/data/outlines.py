"""A data set's outline, of which labels and shapes are known before anything is prepared."""

import numpy as np

from cmx import config as config_lib
from cmx import data as data_lib
from cmx import modalities as modalities_lib
from cmx.data import check
from cmx.data import encoders
from cmx.data import splits
from cmx.data.sets.folders import decoding


def of_report(report: check.Report, config: config_lib.Config) -> data_lib.Dataset:
  """The data set of a report as its run sees it, of which labels and shapes alone are known."""
  rows = []
  for name in check.chosen(report, config.data.modalities):
    kind = report.modalities[name]
    encoder = encoders.of(config, kind)
    rows.append(modalities_lib.of_kind(name, kind)._replace(
      shape=(encoder.width,) if encoder else tuple(report.shapes[name])))
  parts = {split: {row.name: data_lib.Arrays(np.repeat(
    np.arange(len(report.classes), dtype=np.int32), list(report.counts[row.name][split].values())))
    for row in rows} for split in decoding.SPLITS}
  return splits.visible(config, data_lib.Dataset(
    report.what, tuple(report.classes), tuple(rows), parts, ""))
