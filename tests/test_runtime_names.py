"""The scripts of a page are one function: a name that two files give hides the first, without a word."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from framepress import runtime

NAMES = re.compile(r"^(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)


@pytest.mark.parametrize(
    "names",
    [runtime.PREVIEW_FILES, runtime.FRAMED_FILES, runtime.WORKER_FILES],
    ids=["page", "framed", "worker"],
)
def test_no_name_is_given_twice(names: tuple[str, ...]) -> None:
    found = Counter(name for file in names for name in NAMES.findall(runtime.text(file)))
    assert len(found) > 10
    assert [name for name, count in found.items() if count > 1] == []
