"""Everyday things from published packages: the recipe, and one file a package format.

The project carries the recipe (which file of which package is which example) and never the
pictures or definitions. `build` makes them from the packages' files; `dataset` records and opens
them.
"""
