"""What the pages point to is there: files, tests, links, commands."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def code_words(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))


def test_the_paper_map_points_to_files_and_tests_that_exist():
    all_tests = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    words = code_words(ROOT / "docs" / "paper_map.md")
    files = [match for word in words for match in re.findall(r"[\w/]+\.py", word)]
    assert len(files) > 20
    for file in files:
        assert (ROOT / "imagineid_core" / file).is_file() or (ROOT / file).is_file(), file
    named = [match for word in words for match in re.findall(r"\b(test_\w+)\b(?!\.py)", word)]
    assert len(named) >= 5
    for name in named:
        assert f"def {name}(" in all_tests, name


def test_the_paper_map_lists_every_equation_of_listening():
    text = (ROOT / "docs" / "paper_map.md").read_text(encoding="utf-8")
    for equation in range(1, 8):
        assert f"| Eq. {equation} |" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        assert "://" in link or (page.parent / link).exists(), link


def test_the_commands_of_the_readme_are_commands():
    from imagineid_core.cli import build_parser

    parser = build_parser()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^ {4}\.venv/bin/imagineid (.+)$", text, re.M)
    assert len(lines) >= 3
    for line in lines:
        assert parser.parse_args(shlex.split(line)).run
