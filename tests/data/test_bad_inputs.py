"""How many bad inputs are tried: rows of tables, each of which is refused by the name of its fault.

Beside these are weights (tests/files/test_weights_kinds.py), annotations (test_annotations.py),
settings (tests/experiment/test_preflight.py) and damage by lot (tests/experiment/
test_preflight_agrees.py).
"""

import test_bad_inputs_folders
import test_bad_inputs_manifests
import test_bad_inputs_words
import test_typed

FILES = (test_bad_inputs_folders, test_bad_inputs_manifests, test_bad_inputs_words, test_typed)


def test_three_hundred_and_fifty_bad_inputs_or_more_are_tried():
  tables = {(file.__name__, name): len(table) for file in FILES
            for name, table in vars(file).items() if name.startswith("BAD")}
  assert len(tables) == 13 and sum(tables.values()) >= 350, tables
