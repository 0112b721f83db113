"""Secrets taken out of texts."""

from __future__ import annotations

import pytest
from staging_exporter.core.redaction import Masker, clean, clean_facts, mask, without_controls

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
    assert mask(text, [SECRET]) == expected


@pytest.mark.parametrize(
    ("secret", "text", "expected"),
    [("abc", "xabcx", "x***x"), ("ab", "xabx", "xabx"), ("12345678", "012345678", "0***"), ("", "text", "text")],
)
def test_a_short_secret(secret: str, text: str, expected: str) -> None:
    assert mask(text, [secret]) == expected


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
    assert mask(f"password={text}&x", ["correct horse battery staple!"]) == "password=***&x"


def test_several_secrets_the_longest_first() -> None:
    assert mask("Bearer abc-of-the-token and abc", {"abc", "abc-of-the-token"}) == "Bearer *** and ***"


def test_numbers_that_are_secrets_are_masked_in_facts_at_any_depth() -> None:
    facts = {"pin": 493817, "count": 493818, "inside": [{"code": 493817}, 12.5], "flag": True}
    cleaned = clean_facts(facts, {"493817", "12.5", "True"})
    assert cleaned == {"pin": "***", "count": 493818, "inside": [{"code": "***"}, "***"], "flag": True}


def test_a_masker_masks_the_secrets_of_now() -> None:
    masker = Masker()
    assert (masker.mask("sesame-one"), len(masker)) == ("sesame-one", 0)
    masker.renew({"sesame-one", "sesame-two"})
    masker.renew({"sesame-two", "4711"})
    assert masker.mask("sesame-one and sesame-two") == "sesame-one and ***"
    assert ("4711" in masker, "sesame-one" in masker, len(masker)) == (True, False, 2)
    assert clean_facts({"pin": 4711, "said": "sesame-two"}, set(), masker) == {"pin": "***", "said": "***"}


def test_no_text_of_json_moves_a_terminal() -> None:
    said = {"a\x1b[2J": ["x\x07y\nz", 1, None], "b": {"c": "\u202ed"}}
    assert without_controls(said) == {"a [2J": ["x y\nz", 1, None], "b": {"c": " d"}}


def test_a_text_is_cut_after_it_was_masked() -> None:
    assert clean("x" * 498 + " sesame-one", {"sesame-one"}) == "x" * 497 + "..."
    assert clean("sesame-one" * 100, {"sesame-one"}) == "***"
