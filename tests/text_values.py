"""Values that try to get out of their place, and a JavaScript engine to see whether they do."""

from __future__ import annotations

import json
import shutil
import subprocess
from types import TracebackType
from typing import Any

import pytest
from hypothesis import strategies as st

#: Pieces with a meaning in HTML, JavaScript or CSS, and characters with a history.
NASTY = (
    "</script>", "<script>", "<!--", "-->", "--!>", "]]>", "</style>", "</title>", "</textarea >", "<b>",
    "<", ">", "&", "&lt", "lt;", "amp;", "#60;", "&#0;", '"', "'", "`", "${", "}", "{", "\\", "\\u0041",
    "\\\n", "*/", "/*", "//", ";alert(1)", "javascript:", "url(", ")", "{{$X}}", "{{{{", "\n", "\t", " ",
    "\u2028", "\u2029", "\ufeff", "\u00a0", "é", "e\u0301", "🎉", "\U0010ffff", "ffff", "41", "0", "a",
    "script ", "=", "/", "@import", "!important", "%3C",
)  # fmt: skip

#: Any text that a row may hold.
VALUES = st.lists(
    st.one_of(
        st.sampled_from(NASTY),
        st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8),
    ),
    max_size=8,
).map("".join)

_LOOP = """
const vm = require("vm");
require("readline").createInterface({input: process.stdin}).on("line", line => {
  let answer;
  try { answer = {value: vm.runInNewContext(JSON.parse(line), {}, {timeout: 5000}) }; }
  catch (error) { answer = {error: String(error)}; }
  process.stdout.write(JSON.stringify(answer) + "\\n");
});
"""


class Engine:
    """Node, kept running; `run` gives the value of a script."""

    def __init__(self) -> None:
        node = shutil.which("node")
        if node is None:
            pytest.skip("Node is not installed")
        self._process = subprocess.Popen(
            [node, "-e", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def run(self, code: str) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]
