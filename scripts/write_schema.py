"""Writes docs/output.schema.json, the JSON Schema of what `--json` prints, from the models that print it.

python scripts/write_schema.py            write the file
python scripts/write_schema.py --check    exit 1 if the file is not current
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from framepress.explanation import Explanation
from framepress.results import RowResult, Summary

PATH = Path(__file__).resolve().parents[1] / "docs" / "output.schema.json"

Line = Annotated[RowResult | Summary | Explanation, Field(discriminator="type")]


def schema_text() -> str:
    """The schema as the file has it."""
    schema = TypeAdapter(Line).json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of `--json`",
    }
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    text = schema_text()
    if "--check" in sys.argv[1:]:
        return 0 if PATH.is_file() and PATH.read_text("utf-8") == text else 1
    PATH.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
