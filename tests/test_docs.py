"""The documentation: links lead somewhere, and commands and rooms that it names are there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(page):
  """Anchors of a page's headings, as the common hosts make them."""
  titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
  return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
  for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
    if not target.startswith("http"):
      name, _, anchor = target.partition("#")
      linked = page.parent / name if name else page
      assert linked.exists(), f"{page.name} links to {target}, which is not there"
      assert not anchor or anchor in anchors(linked), f"{page.name}: no heading for {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_commands_that_a_page_names_are_there(page):
  text = page.read_text()
  for name in re.findall(r"`((?:cmx|configs|launch|tests|colabs|benchmarks|docs)/[\w/.]*)`", text):
    assert (ROOT / name).exists(), f"{page.name} names {name}"
  for module in re.findall(r"-m (launch\.\w+)|`(launch\.\w+)", text):
    name = "".join(module).replace(".", "/") + ".py"
    assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_every_page_is_linked_from_the_readme():
  text = (ROOT / "README.md").read_text()
  assert not [page.name for page in PAGES[1:] if f"docs/{page.name}" not in text]


def test_the_readme_is_two_screens():
  assert len((ROOT / "README.md").read_text().splitlines()) <= 120
