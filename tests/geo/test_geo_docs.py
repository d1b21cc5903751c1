"""The examples of docs/geo.md, run block by block in one namespace as a reader would type them."""

import doctest
import re
from pathlib import Path
from typing import Any

import geo

PAGE = Path(geo.__path__[0]).parent / "docs" / "geo.md"
MODULES = {path.stem for path in Path(geo.__path__[0]).glob("*.py")} - {"__init__", "units"}


def test_the_examples_of_the_page_answer_as_it_says() -> None:
    text = PAGE.read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 9
    names: dict[str, Any] = {}
    runner = doctest.DocTestRunner()
    said: list[str] = []
    for block in blocks:
        line = text[: text.index(block)].count("\n")
        test = doctest.DocTestParser().get_doctest(block, names, f"line {line + 1}", str(PAGE), line)
        assert test.examples
        runner.run(test, out=said.append, clear_globs=False)
        names = test.globs
    assert not said, "".join(said)


def test_every_module_has_its_place_on_the_page() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name for heading in headings for name in heading.split(", ")} >= MODULES
