"""The guard of the house, read off the source with `ast`: rooms, homes, purity, and manners.

The map of the code in README.md says which rooms there are; this test keeps the code to it. Every
failure says what to do about it.
"""

import ast
import pathlib
import re

from cmx import methods

ROOT = pathlib.Path(__file__).parents[1]
COLUMNS, ROOM_LINES, ENTRY_LINES = 100, 300, 80

# The house, from the street up: what a room imports stands above it in this list, and nothing else
# does. A new file goes into the room whose story it tells; a new room needs a place here.
ROOMS = ("config", "modalities", "runtime", "files", "fields", "mixture", "alignment", "data",
         "methods", "network", "training", "evaluation", "analysis", "experiment", "report")

# Files of pure functions: they read their arguments and nothing else.
PURE_FILES = {
  "cmx/config/__init__.py", "cmx/config/limits.py", "cmx/fields.py", "cmx/modalities.py",
  "cmx/methods.py",
  *(f"cmx/alignment/{name}.py" for name in (
    "adversary", "centres", "classification", "contrast", "discrepancy", "given", "mixture",
    "normalisation", "pool", "prototypes")),
  "cmx/mixture/gmm.py", "cmx/network/convolution.py", "cmx/network/model.py",
  "cmx/network/residual.py", "cmx/network/towers.py", "cmx/evaluation/comparison.py",
  "cmx/evaluation/paper.py", "cmx/evaluation/ranking.py", "cmx/evaluation/reach.py",
  "cmx/evaluation/readouts.py", "cmx/evaluation/results.py", "cmx/evaluation/retrieval.py",
  "cmx/evaluation/scores.py", "cmx/evaluation/significance.py", "cmx/evaluation/verdict.py",
  "cmx/evaluation/weakest.py",
  *(f"cmx/analysis/inversion/{name}.py" for name in (
    "decoder", "fidelity", "flow", "optimise", "placing", "sharpness")),
  "cmx/analysis/maps/tsne.py",
  "cmx/analysis/units/consistency.py", "cmx/analysis/units/tally.py"}
PURE = {"ast", "collections", "contextlib", "dataclasses", "enum", "functools", "itertools", "json",
        "math", "operator", "re", "shlex", "statistics", "textwrap", "types", "typing", "warnings",
        "zlib", "flax", "jax", "numpy", "optax", "scipy", "sklearn", "threadpoolctl"}

# One home each: module imported -> file or folder that may.
HOMES = {"absl.flags": "launch/", "absl.app": "launch/",
         "orbax": "cmx/training/checkpoint.py", "tensorflow_datasets": "cmx/data/",
         "pickle": "cmx/files/state_dict.py", "fcntl": "cmx/files/writing.py"}
FOREIGN = {"tensorflow", "torch", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
COLLECTIVES = {"pmap", "shard_map", "pmean", "psum", "pmax", "pmin", "all_gather", "all_to_all",
               "ppermute", "psum_scatter", "axis_index"}  # of jax: cmx/runtime/devices.py's
FORKING = {"os.fork", "os.forkpty", "multiprocessing.Process", "multiprocessing.Pool"}

# What is older than these rules; the lists only shrink.
LONG = {"tests/network/test_pretrained.py"}
LENGTHY = {"cmx/data/sets/rendered_world/vocabulary.py"}
UNTESTED: set[str] = set()


def python_files(*folders):
  return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path):
  return path.relative_to(ROOT).as_posix()


CMX, LAUNCH, CONFIGS = python_files("cmx"), python_files("launch"), python_files("configs")
PROGRAM, TESTS = [*CMX, *LAUNCH, *CONFIGS], python_files("tests")
EVERY = [*PROGRAM, *TESTS, *python_files("benchmarks")]
TREES = {path: ast.parse(path.read_text(), str(path)) for path in EVERY}


def every(paths):
  """Makes a rule of one file a test of all of them: what pytest says of a test takes longer."""
  def decorate(rule):
    def test():
      complaints = []
      for path in paths:
        try:
          rule(path)
        except AssertionError as complaint:
          complaints.append(str(complaint))
      assert not complaints, "\n".join(complaints)
    test.__name__, test.__doc__ = rule.__name__, rule.__doc__
    return test
  return decorate


def room(path):
  """Name of a file's room: that of its package, or its own directly in cmx."""
  return path.relative_to(ROOT / "cmx").parts[0].removesuffix(".py")


def imports(path):
  """Dotted names that a file imports, with their lines; `from a import b` gives a.b."""
  for node in ast.walk(TREES[path]):
    if isinstance(node, ast.Import):
      yield from ((alias.name, node.lineno) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def within(name, *packages):
  return any(name == package or name.startswith(package + ".") for package in packages)


def refuse(found, advice):
  """Fails with a line for each (path, line, what) and what to do about all of them."""
  lines = [f"{name_of(path)}:{line}: {what}" for path, line, what in found]
  assert not lines, "\n".join([*lines, advice])


@every([*CMX, *CONFIGS])
def test_imports_run_from_launch_over_configs_to_cmx(path):
  above = ("launch",) if path in CONFIGS else ("launch", "configs")
  refuse([(path, line, f"imports {name}") for name, line in imports(path) if within(name, *above)],
         "Imports run downwards, launch -> configs -> cmx: move what is needed down into cmx.")


@every(CMX)
def test_rooms_import_only_the_rooms_below_them(path):
  ours = room(path)
  if path == ROOT / "cmx/__init__.py":
    return
  refuse([(path, 1, f"{ours} is no room")] if ours not in ROOMS else [],
         "Move the file into the room whose story it tells, or give a new room its place in ROOMS.")
  below = ROOMS[:ROOMS.index(ours) + 1]
  theirs = [(name, line) for name, line in imports(path) if name.startswith("cmx.")]
  refuse([(path, line, f"{ours} imports {name}") for name, line in theirs
          if name.split(".")[1] not in below],
         "Imports run down the list ROOMS in this file: pass in what is needed, or move it down.")


def test_no_modules_import_each_other_in_a_circle():
  module = {name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
            for path in CMX}
  arrows = {name: {theirs for theirs, _ in imports(path) if theirs in module}
            for name, path in module.items()}
  left = dict(arrows)
  while leaves := [name for name, theirs in left.items() if not theirs & set(left)]:
    for name in leaves:
      del left[name]
  assert not left, (f"These import each other in a circle: {', '.join(sorted(left))}. Move what "
                    "they share into a file below them.")


@every([path for path in CMX if name_of(path) in PURE_FILES])
def test_pure_files_touch_no_files_flags_clocks_or_logging(path):
  found = [(path, line, f"imports {name}") for name, line in imports(path)
           if not within(name, "cmx", *PURE)]
  found += [(path, node.lineno, f"calls {node.func.id}") for node in ast.walk(TREES[path])
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            and node.func.id in ("open", "print", "input")]
  refuse(found, f"Pure files import {', '.join(sorted(PURE))} alone: do the rest in the caller, or "
         "take the file off the list PURE_FILES in this file.")


@every(PROGRAM)
def test_each_library_with_a_home_is_imported_there_alone(path):
  refuse([(path, line, f"imports {name}; its home is {HOMES[home]}")
          for name, line in imports(path) for home in HOMES
          if within(name, home) and not name_of(path).startswith(HOMES[home])],
         "Call the room that is its home instead.")


@every(PROGRAM)
def test_nothing_imports_frameworks_or_readers_that_run_code(path):
  refuse([(path, line, f"imports {name}") for name, line in imports(path)
          if within(name, *FOREIGN)],
         "cmx runs without TensorFlow and torch, and reads no file that is a program.")


@every([path for path in PROGRAM if name_of(path) != "cmx/runtime/devices.py"])
def test_collectives_live_in_devices(path):
  found = [(path, node.lineno, f"uses {ast.unparse(node)}") for node in ast.walk(TREES[path])
           if isinstance(node, ast.Attribute) and node.attr in COLLECTIVES
           and not (isinstance(node.value, ast.Name) and node.value.id == "devices")]
  refuse(found, "Call it through cmx/runtime/devices.py; add a function there if it has none.")


@every(PROGRAM)
def test_nothing_that_is_read_is_run(path):
  found = []
  for node in ast.walk(TREES[path]):
    if not isinstance(node, ast.Call):
      continue
    called = ast.unparse(node.func)
    if called in ("eval", "exec", "compile", "__import__", "yaml.load", "yaml.unsafe_load"):
      found.append((path, node.lineno, f"calls {called}"))
    found += [(path, node.lineno, "allows pickles") for word in node.keywords
              if word.arg == "allow_pickle" and ast.unparse(word.value) != "False"]
  refuse(found, "Read data as data: json, csv, npy without pickles, or a parser.")


@every([*PROGRAM, *python_files("benchmarks")])
def test_processes_are_spawned_not_forked(path):
  found = [(path, node.lineno, f"uses {node.attr}") for node in ast.walk(TREES[path])
           if isinstance(node, ast.Attribute) and ast.unparse(node) in FORKING]
  found += [(path, node.lineno, ast.unparse(node)) for node in ast.walk(TREES[path])
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get_context", "ProcessPoolExecutor")
            and "get_context('spawn')" not in ast.unparse(node)]
  refuse(found, "A fork of a process that runs JAX hangs or aborts, and not every system forks: "
         "start processes by multiprocessing.get_context('spawn').")


@every([*LAUNCH, ROOT / "benchmarks" / "run.py"])
def test_importing_an_entry_point_runs_nothing(path):
  """A spawned process imports the module that its parent runs."""
  define = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
  found = [(path, node.lineno, ast.unparse(node).splitlines()[0]) for node in TREES[path].body
           if not isinstance(node, define) and not (
             isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'")
           and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
  refuse(found, "Put it below if __name__ == '__main__', or into a function.")


@every(PROGRAM)
def test_mistakes_of_users_are_raised_not_asserted(path):
  refuse([(path, node.lineno, ast.unparse(node)) for node in ast.walk(TREES[path])
          if isinstance(node, ast.Assert)],
         "Raise ValueError with expected and given: python -O drops assertions.")


@every(PROGRAM)
def test_modules_are_imported_not_names(path):
  found = []
  for node in ast.walk(TREES[path]):
    if isinstance(node, ast.ImportFrom) and within(node.module or "", "cmx", "launch", "configs"):
      folder = ROOT / node.module.replace(".", "/")
      found += [(path, node.lineno, f"from {node.module} import {alias.name}")
                for alias in node.names if not (folder / alias.name).is_dir()
                and not (folder / f"{alias.name}.py").exists()]
  refuse(found, "Import the module and write module.name where it is used.")


@every([path for path in CMX if name_of(path) not in ("cmx/methods.py", "cmx/config/__init__.py")])
def test_no_room_knows_a_row_by_its_key(path):
  keys = {key for key, row in methods.METHODS.items() if not row.reference}  # which is a role, too
  compared = {constant for node in ast.walk(TREES[path]) if isinstance(node, ast.Compare)
              for constant in ast.walk(node)}
  found = [(path, node.lineno, f"names row {node.value!r}") for node in ast.walk(TREES[path])
           if isinstance(node, ast.Constant) and node.value in keys
           and (len(node.value) > 1 or node in compared)]
  refuse(found, "A row is data: ask its fields in cmx/methods.py; add one if there is none.")


def public(tree):
  """Functions, classes and methods that others may call; a property is for its class to say."""
  for node in tree.body:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
      yield node
      yield from (part for part in getattr(node, "body", ()) if isinstance(node, ast.ClassDef)
                  and isinstance(part, ast.FunctionDef) and not part.name.startswith("_")
                  and "property" not in map(ast.unparse, part.decorator_list))


@every(CMX)
def test_what_is_public_has_a_docstring(path):
  tree = TREES[path]
  found = [(path, node.lineno, f"{node.name} has none") for node in public(tree)
           if ast.get_docstring(node) is None]
  refuse(found + ([] if ast.get_docstring(tree) else [(path, 1, "the module has none")]),
         "Say in a docstring what it is for, or begin its name with _.")


@every(CMX)
def test_docstrings_of_arrays_state_shapes_in_brackets(path):
  found = []
  for node in public(TREES[path]):
    if isinstance(node, ast.FunctionDef):
      hints = [argument.annotation for argument in [*node.args.args, *node.args.kwonlyargs]
               if not argument.arg.endswith("key")]  # a random key is not looked into
      hints.append(node.returns)
      arrays = any(re.search(r"\b(jax\.Array|np\.ndarray)\b", ast.unparse(hint))
                   for hint in hints if hint) and not node.name.endswith("key")
      if arrays and not re.search(r"\[[^\]]*\]", ast.get_docstring(node) or ""):
        found.append((path, node.lineno, node.name))
  refuse(found, "Write the shape of every array in brackets: logits [B, C], loss [], any [...].")


@every([path for path in EVERY if name_of(path) not in LONG])
def test_lines_fit_into_a_hundred_columns(path):
  refuse([(path, number, f"{len(line)} columns")
          for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > COLUMNS],
         f"Wrap to {COLUMNS} columns.")


@every([path for path in PROGRAM if name_of(path) not in LENGTHY])
def test_files_are_short(path):
  limit = ROOM_LINES if path in CMX else ENTRY_LINES
  lines = len(path.read_text().splitlines())
  refuse([(path, lines, f"{lines} lines")] if lines > limit else [],
         f"At most {limit} lines: this file has two purposes, give each a room. Entry points only "
         "turn flags into a call of cmx.")


@every([path for path in CMX if path.name != "__init__.py" and name_of(path) not in UNTESTED])
def test_every_file_has_tests(path):
  dotted = name_of(path).removesuffix(".py").replace("/", ".")
  names = {path.stem.lstrip("_"), *path.relative_to(ROOT / "cmx").parts[:-1]}  # or its folder's
  covered = any(test.stem == f"test_{name}" or test.stem.startswith(f"test_{name}_")
                for test in TESTS for name in names) or any(
                  theirs == dotted for test in TESTS for theirs, _ in imports(test))
  refuse([] if covered else [(path, 1, "has no tests")],
         f"Add tests/{room(path)}/test_{path.stem}.py, or tests of the folder that it is in.")


def test_rooms_have_names_of_their_own():
  refuse([(path, 1, f"is named {path.stem}") for path in PROGRAM
          if path.stem in ("utils", "util", "helpers", "misc", "tools")],
         "Name the file after the one thing that it is for.")


def test_the_lists_of_exceptions_only_hold_what_is_needed():
  needless = [name for name in LONG if (ROOT / name).exists() and not any(
    len(line) > COLUMNS for line in (ROOT / name).read_text().splitlines())]
  needless += [name for name in UNTESTED
               if (ROOT / "tests" / f"test_{pathlib.Path(name).stem}.py").exists()]
  assert not needless, f"take {', '.join(sorted(needless))} off LONG or UNTESTED: it holds now"


def test_no_two_files_of_tests_have_one_name():
  """They are imported by name alone: the second one could not be where the first one was."""
  names = [path.name for path in TESTS if path.name != "conftest.py"]
  assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
