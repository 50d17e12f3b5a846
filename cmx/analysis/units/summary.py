"""Summary: the numbers of a dissected run as plain values, and a line for every unit.

Shares are fractions; what is not known is None. Nothing here touches a file.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cmx.analysis.units import consistency
from cmx.analysis.units import findings as findings_lib
from cmx.analysis.units import objects as objects_lib
from cmx.analysis.units import tally as tally_lib

_OF_UNIT = ("score", "p", "q", "p_weakest")  # fields of units.Consistency
SEVERAL = 3  # modalities that have to share a best object
_DRAWS = 200  # deals of units by lot, for what they share by chance


def layer(findings: findings_lib.Findings, name: str) -> dict[str, Any]:
  """What a layer's units come to.

  Returns:
    {"units", "dead": {code: units}, "consistency": None or {"mean", "null", "above", "above_most",
    "every", "every_most", "discovered", "classes", "pairs": {"NAT>CLP": mean correlation}},
    "objects": None or {"detectors": {code: share}, "best": {code: mean of the best IoU}, "shared",
    "shared_by_chance"}}; see `comparison.MEANING`.
  """
  tallies, rows = findings.tallies[name], findings.subject.modalities
  codes, compared = [row.code for row in rows], findings.compared.get(name)
  overlaps = findings.overlaps
  iou = None if overlaps is None else [overlaps.iou[name][row.name] for row in rows]
  return {
    "units": len(next(iter(tallies.values())).lowest),
    "dead": {row.code: int(tally_lib.dead(tallies[row.name]).sum()) for row in rows},
    "consistency": None if compared is None else _consistency(compared, codes),
    "objects": None if iou is None else _objects(iou, codes, findings.options.rng(name))}


def _consistency(measured: consistency.Consistency, codes: Sequence[str]) -> dict[str, Any]:
  return {
    "mean": float(measured.score.mean()), "null": measured.null,
    "above": float((measured.p <= consistency.LEVEL).mean()), "above_most": measured.most,
    "every": float((measured.p_weakest <= consistency.LEVEL).mean()),
    "every_most": measured.most_weakest,
    "discovered": float((measured.q <= consistency.LEVEL).mean()),
    "classes": measured.classes,
    "pairs": {f"{a}>{b}": float(measured.pairs[i, j]) for i, a in enumerate(codes)
              for j, b in enumerate(codes) if i < j}}


def _objects(iou: Sequence[np.ndarray], codes: Sequence[str],
             rng: np.random.Generator) -> dict[str, Any]:
  best = np.stack([objects_lib.best(part) for part in iou])
  count = best.shape[1]
  enough = len(codes) >= SEVERAL
  return {
    "detectors": {code: float((row >= 0).mean()) for code, row in zip(codes, best)},
    "best": {code: float(part.max(axis=1, initial=0).mean()) for code, part in zip(codes, iou)},
    "shared": float((objects_lib.shared(best) >= SEVERAL).mean()) if enough else None,
    "shared_by_chance": objects_lib.shared_by_chance(best, SEVERAL, rng, _DRAWS) / count
                        if enough else None}


def lines(findings: findings_lib.Findings) -> list[dict[str, Any]]:
  """A line for every unit of every layer, for people to sort and to search."""
  return [{"layer": layer, "unit": unit, **of_unit(findings, layer, unit),
           **{f"{row.code} {key}": value for row in findings.subject.modalities
              for key, value in of_modality(findings, layer, unit, row.name).items()}}
          for layer, part in findings.tallies.items()
          for unit in range(len(next(iter(part.values())).lowest))]


def of_unit(findings: findings_lib.Findings, layer: str, unit: int) -> dict[str, float | None]:
  """A unit's `_OF_UNIT`, None where modalities were not compared."""
  compared = findings.compared.get(layer)
  if compared is None:
    return dict.fromkeys(_OF_UNIT)
  return {key: _short(getattr(compared, key)[unit]) for key in _OF_UNIT}


def _short(value: float) -> float:
  return float(f"{value:.6g}")


def of_modality(findings: findings_lib.Findings, layer: str, unit: int,
                modality: str) -> dict[str, Any]:
  """What a unit answers to in one modality, None where it is dead or objects are not known.

  Returns:
    {"class": with the highest mean response, "object": that fits best, "iou": with it}.
  """
  tally, about = findings.tallies[layer][modality], dict.fromkeys(("class", "object", "iou"))
  if tally_lib.dead(tally)[unit]:
    return about
  classes = findings.subject.run.classes
  about["class"] = classes[int(np.nanargmax(tally_lib.profile(tally)[:, unit]))]
  if findings.overlaps is not None and findings.overlaps.names:
    iou = findings.overlaps.iou[layer][modality][unit]
    about |= {"object": findings.overlaps.names[int(iou.argmax())], "iou": _short(iou.max())}
  return about
