"""Tables of words: what they look like, character by character."""

from cmx.files import grids

GRID = grids.Grid("mAP (%), 100 % & more.", [("", "row"), ("NAT", ">CLP"), ("no", "DSC")],
                  [["BL_Ind", "9.5", "10.0 ±0.3"], ["C: a|b", "", "-0.1"]])


def test_text_is_aligned_names_at_the_left_numbers_at_the_right():
  assert grids.to_text(GRID) == """mAP (%), 100 % & more.
        NAT        no
row    >CLP       DSC
BL_Ind  9.5 10.0 ±0.3
C: a|b           -0.1
"""


def test_a_head_that_no_column_has_is_no_line_and_a_caption_is_wrapped():
  plain = grids.Grid("word " * 60, [("", "a"), ("", "b")], [["x", "y"]], left=2)
  lines = grids.to_text(plain).splitlines()
  assert lines[-2:] == ["a b", "x y"] and len(lines) == 6
  assert max(map(len, lines)) <= grids.WIDTH


def test_a_screen_has_columns_that_do_not_fit_in_blocks_below():
  names = [("of", f"column_{i}") for i in range(12)]
  wide = grids.Grid("What.", [("", "row"), *names], [["a", *map(str, range(12))]])
  shown = grids.to_screen(wide)
  blocks = [block.splitlines() for block in shown.split("\n\n")]
  assert [len(line) for line in blocks[0]] == [5, 75, 75, 75]
  assert [block[-1].split() for block in blocks] == [
    ["a", *"0 1 2 3 4 5 6 7".split()], ["a", "8", "9", "10", "11"]]
  assert blocks[1][-2].split() == ["row", "column_8", "column_9", "column_10", "column_11"]


def test_a_screen_has_a_grid_that_fits_as_it_is():
  assert grids.to_screen(GRID) == grids.to_text(GRID)


def test_markdown_escapes_what_would_end_a_cell():
  assert grids.to_markdown(GRID) == """mAP (%), 100 % & more.

| row | NAT>CLP | no DSC |
| :--- | ---: | ---: |
| BL_Ind | 9.5 | 10.0 ±0.3 |
| C: a\\|b |  | -0.1 |
"""


def test_latex_escapes_what_it_would_take_for_a_command():
  assert grids.to_latex(GRID) == r"""\begin{table}
\centering
\caption{mAP (\%), 100 \% \& more.}
\begin{tabular}{lrr}
\toprule
 & NAT & no \\
row & $>$CLP & DSC \\
\midrule
BL\_Ind & 9.5 & 10.0 $\pm$0.3 \\
C: a$|$b &  & $-$0.1 \\
\bottomrule
\end{tabular}
\end{table}
"""


def test_a_fraction_is_written_in_percent_with_its_spread_where_known():
  assert grids.percent(0.1416) == "14.2" and grids.percent(None, 0.1) == "-"
  assert grids.percent(0.1416, 0.003) == "14.2 ±0.3" and grids.percent(0.5, None) == "50.0"


def test_columns_are_aligned_at_the_left_then_at_the_right():
  lines = [["", "mAP", "N"], ["Cross", "9.5", "1,000"], ["chance", "10.0", ""]]
  assert grids.columns(lines) == ["         mAP      N", "Cross    9.5  1,000", "chance  10.0"]
  assert grids.columns([["a", "b"], ["ccc", "d"]], left=0, gap=" ") == ["  a b", "ccc d"]


def test_csv_has_full_precision_and_nothing_where_there_is_no_value():
  assert grids.to_csv([["a", "b"], [0.1 + 0.2, None]]) == "a,b\n0.30000000000000004,\n"
  records = [{"layer": "fc7", "K": 1}, {"layer": "a, b", "dead": True}]
  assert grids.records_to_csv(records) == 'layer,K,dead\nfc7,1,\n"a, b",,True\n'


def test_a_minus_is_told_from_a_hyphen():
  assert grids.to_latex(grids.Grid("", [("", "a")], [
    ["-1 to -0.5"], ["seeds 1-3"], ["fc-6"], ["[-1, 2]"], ["--1"]])).splitlines()[7:12] == [
    r"$-$1 to $-$0.5 \\", r"seeds 1-3 \\", r"fc-6 \\", r"[$-$1, 2] \\", r"--1 \\"]


def test_markdown_without_a_caption_begins_with_its_heads():
  plain = grids.Grid("", [("", "a"), ("x", "b"), ("", "c")], [["1", "2", "3"]], left=2)
  assert grids.to_markdown(plain) == "| a | x b | c |\n| :--- | :--- | ---: |\n| 1 | 2 | 3 |\n"
