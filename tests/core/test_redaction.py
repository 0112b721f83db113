"""Secrets taken out of texts."""

from __future__ import annotations

import tracemalloc
from base64 import b64encode
from urllib.parse import quote

import pytest
from staging_exporter.core.redaction import Masker, clean, clean_facts, without_controls

SECRET = 'p"ss/wörd&0123456789'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a {SECRET} b", "a *** b"),
        (f"{SECRET}{SECRET}", "***"),
        (f"{SECRET}, {SECRET}", "***, ***"),
        ("cut off p\"ss/wörd&01", "cut off ***"),
        ("...d&0123456789 goes on", "...*** goes on"),
        (r"json p\"ss/w\u00f6rd&0123456789!", "json ***!"),
        (r"bytes p\"ss/w\xc3\xb6rd&0123456789!", "bytes ***!"),
        ("url ?p=p%22ss%2Fw%C3%B6rd%260123456789&q", "url ?p=***&q"),
        ("html p&quot;ss/wörd&amp;0123456789!", "html ***!"),
        (r"php p\"ss\/w\u00f6rd&0123456789!", "php ***!"),
        ("base64 cCJzcy93w7ZyZCYwMTIzNDU2Nzg5!", "base64 ***!"),
        ("lower p\"ss/wörd&0123456789, upper P\"SS/WÖRD&0123456789!", "lower ***, upper ***!"),
        ("hexadecimal 702273732f77c3b672642630313233343536373839!", "hexadecimal ***!"),
        ("html " + "".join(f"&#x{ord(letter):x};" for letter in SECRET) + "!", "html ***!"),
        ("nothing of it: p\"ss/w, or so", "nothing of it: ***, or so"),
        ("nothing of it: p\"ss/w goes on", "nothing of it: p\"ss/w goes on"),
        ("cut at its third character: p\"s", "cut at its third character: ***"),
        ("received 'p\"ss/w', expected x", "received '***', expected x"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_long_secret(text: str, expected: str) -> None:
    assert Masker([SECRET]).mask(text) == expected


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [("abc", "xabcx", "x***x"), ("ab", "xabx", "xabx"), ("12345678", "012345678", "0***"), ("", "text", "text")],
)
def test_a_short_secret(secret: str, text: str, expected: str) -> None:
    assert Masker([secret]).mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "correct+horse+battery+staple%21",
        "correct%20horse%20battery%20staple%21",
        "correct+horse+battery+staple!",
        "".join(f"&#{ord(letter)};" for letter in "correct horse battery staple!"),
    ],
)
def test_a_passphrase_as_forms_and_numbers_write_it(text: str) -> None:
    assert Masker(["correct horse battery staple!"]).mask(f"password={text}&x") == "password=***&x"


def test_several_secrets_the_longest_first() -> None:
    assert Masker({"abc", "abc-of-the-token"}).mask("Bearer abc-of-the-token and abc") == "Bearer *** and ***"


def test_numbers_that_are_secrets_are_masked_in_facts_at_any_depth() -> None:
    facts = {"pin": 493817, "count": 493818, "inside": [{"code": 493817}, 12.5], "flag": True}
    cleaned = clean_facts(facts, Masker({"493817", "12.5", "True"}))
    assert cleaned == {"pin": "***", "count": 493818, "inside": [{"code": "***"}, "***"], "flag": True}


def test_a_masker_masks_the_secrets_of_now() -> None:
    masker = Masker()
    assert (masker.mask("sesame-one"), len(masker)) == ("sesame-one", 0)
    masker.renew({"sesame-one", "sesame-two"})
    masker.renew({"sesame-two", "4711"})
    assert masker.mask("sesame-one and sesame-two") == "sesame-one and ***"
    assert ("4711" in masker, "sesame-one" in masker, len(masker)) == (True, False, 2)
    assert clean_facts({"pin": 4711, "said": "sesame-two"}, masker) == {"pin": "***", "said": "***"}


def test_no_text_of_json_moves_a_terminal() -> None:
    said = {"a\x1b[2J": ["x\x07y\nz", 1, None], "b": {"c": "\u202ed"}}
    assert without_controls(said) == {"a [2J": ["x y\nz", 1, None], "b": {"c": " d"}}


def test_a_text_is_cut_after_it_was_masked() -> None:
    assert clean("x" * 498 + " sesame-one", Masker({"sesame-one"})) == "x" * 497 + "..."
    assert clean("sesame-one" * 100, Masker({"sesame-one"})) == "***"


def test_what_another_masker_masks_is_masked_too() -> None:
    both = Masker({"sesame-one"}, beside=Masker({"sesame-two", "4711"}))
    assert both.mask("sesame-one, sesame-two") == "***, ***"
    assert ("4711" in both, "4712" in both, len(both)) == (True, False, 3)


LONG = "".join(f"{number:05}/" for number in range(2000))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"a {LONG[6000:6100]} b", "a *** b", id="a piece of it"),
        pytest.param(f"a {LONG[6001:6008]} b", "a 1000/01 b", id="fewer than eight characters of it"),
        pytest.param("key: '00000/0', and more", "key: '***', and more", id="its beginning where a quotation ends"),
        pytest.param(f"url ?key={quote(LONG[:40], safe='')}&x", "url ?key=***&x", id="as a URL has it"),
        pytest.param(f"basic {b64encode(LONG.encode()).decode()[100:150]} x", "basic *** x", id="as base64 has it"),
    ],
)
def test_a_secret_that_is_as_long_as_a_book(text: str, expected: str) -> None:
    assert Masker([LONG]).mask(text) == expected


def test_what_is_kept_for_later_runs_is_bounded() -> None:
    """Tokens are new in every run, and may be long."""
    tracemalloc.start()
    try:
        sizes = []
        for number in range(60):
            assert Masker([f"{number:04}" + LONG[:1000]]).mask(LONG[:20]) == "***"
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[-1] < 1.5 * max(sizes[:10])
