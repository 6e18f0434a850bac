"""Keys have their digests written out: whoever changes one changes the format, and has to say so."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framepress import keys
from framepress.errors import InternalError

ROW: dict[str, Any] = {
    "composition": "c" * 64,
    "values": {"NAME": "Zoë", "POINTS": "1284"},
    "files": {"avatars/1.png": "a" * 64},
    "settings": {
        "crf": 18,
        "fps": Fraction(30000, 1001),
        "height": 1080,
        "locale": "en-US",
        "now": "2000-01-01T00:00:00Z",
        "preset": "veryfast",
        "system_fonts": False,
        "timezone": "UTC",
        "width": 1920,
    },
}
CANONICAL_ROW = (
    '{"composition":"' + "c" * 64 + '","files":{"avatars/1.png":"' + "a" * 64 + '"},"format":1,"kind":"row",'
    '"settings":{"crf":18,"fps":"30000/1001","height":1080,"locale":"en-US","now":"2000-01-01T00:00:00Z",'
    '"preset":"veryfast","system_fonts":false,"timezone":"UTC","width":1920},'
    '"values":{"NAME":"Zoë","POINTS":"1284"}}'
).encode()

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def test_the_row_key_is_the_digest_of_its_canonical_bytes() -> None:
    key = keys.row_key(**ROW)
    assert key == hashlib.sha256(CANONICAL_ROW).hexdigest()
    assert key == "48d55dcef8157ba41ac3c17cd465d3d3f4239ad8302603d9231ec3b97ed742b3"


def test_the_other_keys_are_what_they_were() -> None:
    assert (
        keys.composition_digest({"index": "a" * 64, "x/y.css": "b" * 64})
        == "ba95b6103ceb9567a4b5cb4aa37f8da313533a2b389d55c88e368fd7fa8fbb36"
    )
    assert (
        keys.environment_digest({"chromium": "156", "simd": "avx2"})
        == "51c1ffa53a2182e306d8559838dba3e9e1e409d44f7a067ef6beda00003aa6cc"
    )
    assert (
        keys.piece_key("segment", environment="e" * 64, first=0, fps=Fraction(30))
        == "55120ab5c3e5f1d7e01a060b3a7b86d6ebb4aba34dd3692fbd1083559f9abd2f"
    )


def test_canonical_bytes_are_sorted_compact_and_normalised() -> None:
    value = {"b": [1, None, True, Fraction(30)], "a": 'e\u0301"\n\x01/', "\U00010000": "", "\uffff": ()}
    expected = '{"a":"é\\"\\n\\u0001/","b":[1,null,true,"30/1"],"\uffff":[],"\U00010000":""}'
    assert keys.canonical_json(value) == expected.encode()


@pytest.mark.parametrize("value", [1.0, {"a": [0.5]}, b"x", {1: "x"}, {"a": object()}, float("nan")])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        keys.canonical_json(value)


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, {"é": 1, "e\u0301": 2}])
def test_ambiguous_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        keys.canonical_json(value)


@given(st.dictionaries(TEXTS, TEXTS, max_size=5), st.randoms())
def test_the_order_of_columns_never_changes_a_key(values: dict[str, str], random: Any) -> None:
    items = list({keys.canonical_json(name): (name, text) for name, text in values.items()}.values())
    shuffled = list(items)
    random.shuffle(shuffled)
    assert keys.row_key(**ROW | {"values": dict(items)}) == keys.row_key(**ROW | {"values": dict(shuffled)})


CHANGES: list[dict[str, Any]] = [
    {"composition": "d" * 64},
    {"values": {"NAME": "Zoë", "POINTS": "1285"}},
    {"values": {"NAME": "Zoë"}},
    {"values": {"NAME": "Zoë", "POINTS": "1284", "MORE": ""}},
    {"files": {"avatars/1.png": "b" * 64}},
    {"files": {"avatars/2.png": "a" * 64}},
    {"files": {}},
    *({"settings": ROW["settings"] | {name: "other"}} for name in ROW["settings"]),
]


def test_each_field_alone_changes_the_key() -> None:
    found = [keys.row_key(**ROW)] + [keys.row_key(**ROW | change) for change in CHANGES]
    assert len(set(found)) == len(CHANGES) + 1


@given(TEXTS, TEXTS)
def test_texts_that_differ_after_normalisation_have_different_keys(one: str, two: str) -> None:
    same = keys.canonical_json(one) == keys.canonical_json(two)
    assert (
        keys.row_key(**ROW | {"values": {"A": one}}) == keys.row_key(**ROW | {"values": {"A": two}})
    ) == same


def test_a_piece_without_its_environment_is_refused() -> None:
    with pytest.raises(InternalError):
        keys.piece_key("segment", first=0)


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "x").write_bytes(data)
    assert keys.digest_file(tmp_path / "x") == keys.digest_bytes(data) == hashlib.sha256(data).hexdigest()
