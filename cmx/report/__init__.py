"""The report: one self-contained page for a run or an experiment.

A section is a module of this folder with one function

  section(report: opening.Report) -> section.Section | None

None where it has nothing to say for such runs. To add one, write the module and name it in
`page.SECTIONS`. What a section cannot draw it says in `problems`, and draws the rest; a ValueError
or OSError that leaves it becomes its text. Results that take a network to compute are written below
a run's work directory by a command of their own, and a section reads them there.
"""
