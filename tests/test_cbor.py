"""The CBOR of Chromium's pipe: what we write we read, and what is broken is refused."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framepress import cbor

_text = st.text(st.characters(exclude_categories=["Cs"]))
_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | _text
    | st.binary()
)
_values = st.recursive(_leaves, lambda inner: st.lists(inner) | st.dictionaries(_text, inner), max_leaves=20)


@given(_values)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert cbor.loads(cbor.dumps(value)) == value


@given(st.dictionaries(_text, _values))
def test_a_message_says_its_length_at_its_front(value: dict[str, Any]) -> None:
    data = cbor.dumps(value)
    assert cbor.message_bytes(data + b"next message") == len(data)


@given(st.dictionaries(_text, _values, min_size=1), st.data())
def test_a_message_that_is_cut_short_or_goes_on_is_refused(
    value: dict[str, Any], data: st.DataObject
) -> None:
    whole = cbor.dumps(value)
    cut = data.draw(st.integers(1, len(whole) - 1))
    for broken in (whole[:cut], whole + b"\x00"):
        with pytest.raises(ValueError, match="CBOR"):
            cbor.loads(broken)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_never_an_accident(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        cbor.loads(data)


def test_messages_as_chromium_writes_them() -> None:
    # {"id": 1, "result": {"s": "a", "u": "é" in UTF-16, "b": binary 00 ff, "d": 0.5, "n": -2}}
    inner = bytes.fromhex(
        "bf 6173 6161 6175 42e900 6162 d642 00ff 6164 fb3fe0000000000000 616e 21 ff".replace(" ", "")
    )
    wrapped = b"\xd8\x18\x5a" + len(inner).to_bytes(4, "big") + inner
    outer = b"\xbf\x62id\x01\x66result" + wrapped + b"\xff"
    message = b"\xd8\x18\x5a" + len(outer).to_bytes(4, "big") + outer
    expected = {"id": 1, "result": {"s": "a", "u": "é", "b": b"\x00\xff", "d": 0.5, "n": -2}}
    assert cbor.loads(message) == expected


def test_what_has_no_form_is_an_error_of_ours() -> None:
    for value in ({1, 2}, object()):
        with pytest.raises(TypeError):
            cbor.dumps(value)
    assert math.isnan(cbor.loads(cbor.dumps(math.nan)))
