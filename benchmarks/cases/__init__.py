"""One case a file; `python -m benchmarks.run --list` names them.

A case is a module whose docstring's first line is its title, with one function:

  def comparisons(quick: bool) -> list[harness.Comparison]

`quick` asks for sizes at which everything runs in seconds: that a case works, not how fast.
"""
