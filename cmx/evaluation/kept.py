"""Which activations lie in a run's work directory, and how those that do not are had.

  <workdir>/features/validation/        the main table's layer and fc8, once the run is evaluated
  <workdir>/features/<split>_<layer>/   another layer or split, once somebody has asked for it

What only the other tables are computed from goes when they are: it is most of a run's bytes.
`config.log.keep_optimizer` keeps it.
"""

import contextlib
import pathlib
import shutil
from collections.abc import Iterator

from cmx import config as config_lib
from cmx import data
from cmx.data import opening
from cmx.evaluation import features
from cmx.training import checkpoint


def folder_of(workdir: pathlib.Path) -> pathlib.Path:
  """The folder of a run's validation features."""
  return workdir / "features" / data.VALIDATION


def layers(config: config_lib.Config) -> list[str]:
  """The layers that stay when a run of this config is evaluated."""
  every = features.wanted(config)
  return every if config.log.keep_optimizer else [
    layer for layer in every if layer in (config.evaluation.layer, "fc8")]


@contextlib.contextmanager
def every_layer(run: checkpoint.Run, dataset: data.Dataset,
                workdir: pathlib.Path) -> Iterator[features.Features]:
  """Within the block, the validation features with every layer that evaluation reads.

  Args:
    run: trained network.
    dataset: opened and encoded as for the run.
    workdir: of the run; once the block has ended well, it has those of `layers`.

  Raises:
    ValueError: as `features.extract`.
  """
  config, folder = run.config, folder_of(workdir)
  every, stay = features.wanted(config), layers(config)
  whole = folder if stay == every or _has(folder, every) else folder.with_suffix(".whole")
  yield features.extract(run, dataset, data.VALIDATION, every, whole,
                         batch=config.evaluation.batch)
  if whole != folder:
    features.copy(whole, folder, stay)
    shutil.rmtree(whole)


def _has(folder: pathlib.Path, wanted: list[str]) -> bool:
  """Whether a folder has features of all of these layers; what is damaged has not."""
  try:
    return all(set(wanted) <= part.keys() for part in features.load(folder).values())
  except (FileNotFoundError, ValueError):
    return False


def holding(workdir: pathlib.Path, split: str, layer: str) -> pathlib.Path:
  """The folder of a run that holds a layer of a split; where it belongs, if there is none yet."""
  root = workdir / "features"
  for folder in [root / split, *sorted(root.glob(f"{split}_*"))]:
    with contextlib.suppress(FileNotFoundError):
      if all(layer in part for part in features.load(folder).values()):
        return folder
  return root / f"{split}_{layer}"


def of_layer(run: checkpoint.Run, workdir: pathlib.Path, split: str, layer: str) -> pathlib.Path:
  """The folder of a run that holds a layer of a split; extracted now if there is none.

  Raises:
    FileNotFoundError: if the features are not there and the data set is not, either.
    ValueError: as `features.extract`.
  """
  folder = holding(workdir, split, layer)
  if not folder.exists():
    features.extract(run, opening.open_data(run.config).encoded, split, [layer], folder,
                     batch=run.config.evaluation.batch)
  return folder


def with_layer(run: checkpoint.Run, workdir: pathlib.Path, layer: str) -> features.Features:
  """The validation features of a run, with a layer that its evaluation may have left out.

  Args:
    run: what it is; its parameters are read where the layer has to be computed.
    workdir: of the run.
    layer: name of activations; of those that evaluation does not read nothing is computed.

  Raises:
    FileNotFoundError: if the run has no features.
    ValueError: as `features.load` and `of_layer`.
  """
  found = features.load(folder_of(workdir))
  if layer not in features.wanted(run.config) or all(layer in part for part in found.values()):
    return found
  whole = checkpoint.load_run(workdir)
  more = features.load(of_layer(whole, workdir, data.VALIDATION, layer))
  return {name: {**part, layer: more[name][layer]} for name, part in found.items()}
