"""The architecture picture: current, complete, and legible in a browser."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.architecture import NOTES, PACKAGE, PICTURE, layers, picture
from tests.support.served import chromium

# The boxes whose text leaves them, and the pairs of texts that overlap.
OVERFLOWING = """() => [...document.querySelectorAll('g.b')].filter(box => {
  const room = box.querySelector('rect').getBBox();
  return [...box.querySelectorAll('text')].some(text => {
    const b = text.getBBox();
    return b.x < room.x + 3 || b.x + b.width > room.x + room.width - 3
      || b.y < room.y || b.y + b.height > room.y + room.height;
  });
}).map(box => box.textContent.trim())"""
OVERLAPPING = """() => {
  const texts = [...document.querySelectorAll('text')].map(text => [text.textContent, text.getBBox()]);
  const hits = ([, a], [, b]) => a.x < b.x + b.width && b.x < a.x + a.width
    && a.y + 3 < b.y + b.height && b.y + 3 < a.y + a.height;
  const pairs = texts.flatMap((one, i) => texts.slice(i + 1).map(other => [one, other]));
  return pairs.filter(([one, other]) => hits(one, other)).map(([one, other]) => one[0] + ' / ' + other[0]);
}"""


def test_the_committed_picture_is_current() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(), "stale: run `make generate`"


def test_every_package_and_module_is_drawn_with_a_note() -> None:
    drawn = {name for row in layers() for name in row}
    present = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert drawn == present - {"__init__", "__main__"} == set(NOTES)


def test_the_picture_is_well_formed_and_has_a_description() -> None:
    root = ElementTree.fromstring(PICTURE.read_text(encoding="utf-8"))
    assert [child.tag.partition("}")[2] for child in root][:2] == ["title", "desc"]


def test_no_text_leaves_its_box_or_covers_another() -> None:
    with chromium() as browser:
        page = browser.new_page()
        page.goto(PICTURE.as_uri())
        assert page.evaluate(OVERFLOWING) == []
        assert page.evaluate(OVERLAPPING) == []
        page.close()
