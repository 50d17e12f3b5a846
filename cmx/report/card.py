"""What was run: command, versions, data, and how the config differs from the defaults."""

from cmx import config as config_lib
from cmx import fields
from cmx.report import opening
from cmx.report import section as section_lib


def section(report: opening.Report) -> section_lib.Section:
  """The card of the runs: what they have in common, then a row for each."""
  first = report.runs[0]
  made = first.run.provenance
  facts = [("Runs", _runs(report)), ("Data", _data(first)),
           ("Modalities", ", ".join(f"{row.code} {row.name.replace('_', ' ')} ({row.kind})"
                                    for row in first.run.modalities)),
           ("Classes", f"{len(first.run.classes)}: " + _cut(", ".join(first.run.classes))),
           ("Command", made.get("command", "not recorded")),
           ("Versions", ", ".join(f"{name} {version}" for name, version in
                                  made.get("versions", {}).items()) or "not recorded"),
           ("Code", made.get("commit") or "not recorded"),
           ("Devices", made.get("devices", "not recorded")),
           ("Config, where not the default", _changes(report))]
  rows = [(opened.name, opened.run.config.seed, f"{opened.run.step:,}", _below(opened, report))
          for opened in [*([report.reference] if report.reference else []), *report.runs]]
  body = (section_lib.facts(facts)
          + section_lib.table(("run", "seed", "steps", "folder"), rows))
  problems = [] if made else ["The checkpoints do not say by which command and versions they were "
                              "made"]
  return section_lib.Section("What was run", body, problems=problems)


def _below(opened: opening.Opened, report: opening.Report) -> str:
  same = opened.workdir == report.workdir
  return str(opened.workdir if same else opened.workdir.relative_to(report.workdir))


def _runs(report: opening.Report) -> str:
  seeds = sorted({opened.run.config.seed for opened in report.runs})
  methods, several = len(report.shown), len(seeds) > 1
  return (f"{methods} {'methods' if methods > 1 else 'method'}, "
          f"{'seeds' if several else 'seed'} {', '.join(map(str, seeds))}, in {report.workdir}")


def _data(opened: opening.Opened) -> str:
  fingerprint = opened.run.provenance.get("data")
  return opened.run.config.data.name + (f", fingerprint {fingerprint}" if fingerprint else "")


def _cut(text: str, limit: int = 600) -> str:
  return text if len(text) <= limit else text[:limit].rpartition(", ")[0] + ", ..."


def _changes(report: opening.Report) -> str:
  """Fields in which any run differs from the defaults; with the methods, where not in all."""
  default, found = config_lib.Config(), {}
  for opened in report.runs:
    for line in fields.difference(opened.run.config, default):
      field = line.split(" | ")[0]
      if field.split(":")[0] not in ("method", "seed"):
        found.setdefault(field, []).append(opened.name)
  return "; ".join(field if len(names) == len(report.runs) else
                   f"{field} ({', '.join(dict.fromkeys(names))})"
                   for field, names in found.items()) or "none"
