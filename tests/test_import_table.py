"""The imports of the package against the tables of docs/architecture.md, so that neither drifts."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src/framepress"
DOCUMENT = ROOT / "docs/architecture.md"

#: Distributions whose package has another name.
IMPORT_NAMES = {"pillow": "PIL", "pyyaml": "yaml", "prometheus-client": "prometheus_client"}

#: Packages that come with a declared one, or that only type checkers see.
ALONG = {"botocore", "mypy_boto3_sqs"}

#: Where the environment of the process is read.
RIM = ("cli", "api")

#: Files of the package itself; they import what they like from it.
FREE = {"__init__", "__main__"}


def tables(text: str) -> list[list[list[set[str]]]]:
    """Every Markdown table: rows of cells, a cell as the set of its words in backquotes."""
    found: list[list[list[set[str]]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
        elif re.fullmatch(r"\|[-|:]+", line):
            inside = True
            found.append([])
        elif inside:
            cells = line.strip().strip("|").split("|")
            found[-1].append([set(re.findall(r"`([\w.]+)`", cell)) for cell in cells])
    return found


def allowed_imports(rows: list[list[set[str]]]) -> dict[str, set[str]]:
    """Module -> everything it may import, transitively. Rows that look down or twice are refused."""
    allowed: dict[str, set[str]] = {}
    for row in rows:
        modules, listed = row[0], row[-1]
        unknown = listed - set(allowed)
        assert not unknown, f"{sorted(modules)} may import {sorted(unknown)}, which is not above it"
        twice = modules & set(allowed)
        assert not twice, f"{sorted(twice)} is in the table twice"
        reach = modules | listed | {below for name in listed for below in allowed[name]}
        allowed |= dict.fromkeys(modules, reach)
    return allowed


def sources() -> Iterator[tuple[str, Path, ast.Module]]:
    """(first name below the package, file, syntax tree) of every source file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).with_suffix("").parts[0]
        yield name, path, ast.parse(path.read_text("utf-8"))


def imports(tree: ast.AST, path: Path, root: Path = PACKAGE) -> Iterator[str]:
    """Full dotted names of what a file imports, relative ones resolved."""
    package = ["framepress", *path.relative_to(root).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from framepress import x` imports the module x.
            yield from (f"{module}.{alias.name}" for alias in node.names)


TABLES = tables(DOCUMENT.read_text("utf-8"))
ALLOWED = allowed_imports(TABLES[0])
CLIENTS = {client: row[1] for row in TABLES[1] for client in row[0]}


def test_every_module_is_in_the_table() -> None:
    modules = {name for name, _, _ in sources()} - FREE
    assert modules - set(ALLOWED) == set(), "give these a row in docs/architecture.md"


@pytest.mark.parametrize("file", [path.relative_to(PACKAGE).as_posix() for _, path, _ in sources()])
def test_a_module_imports_only_what_the_table_allows(file: str) -> None:
    path = PACKAGE / file
    name = Path(file).with_suffix("").parts[0]
    if name in FREE:
        return
    tree = ast.parse(path.read_text("utf-8"))
    used = {full.split(".")[1] for full in imports(tree, path) if full.startswith("framepress.")}
    # A name that is no module comes from framepress/__init__.py, which imports nothing.
    used = {module for module in used if module in ALLOWED}
    assert used - ALLOWED.get(name, set()) == set()


def test_the_package_itself_imports_no_module() -> None:
    path = PACKAGE / "__init__.py"
    tree = ast.parse(path.read_text("utf-8"))
    at_once = [full for node in tree.body for full in imports_of(node, path)]
    assert [full for full in at_once if full.startswith("framepress")] == []


def test_clients_of_other_systems_are_imported_only_in_their_adapter_when_used() -> None:
    for name, path, tree in sources():
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for client in {full.split(".")[0] for full in imports(tree, path)} & set(CLIENTS):
            assert {name, module} & CLIENTS[client], f"{module} imports {client}"
        at_once = {full.split(".")[0] for node in tree.body for full in imports_of(node, path)}
        assert at_once & set(CLIENTS) == set(), f"{module} imports a client when it is itself imported"


def imports_of(node: ast.stmt, path: Path) -> Iterator[str]:
    """Imports of one statement of a module; type checking is not running."""
    guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    if not guarded and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield from imports(node, path)


def test_what_is_imported_from_outside_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {key: value for key, value in project["optional-dependencies"].items() if key != "dev"}
    declared = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    names = {re.split(r"[^\w.-]", one)[0].lower() for one in declared}
    known = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}
    used = {full.split(".")[0] for _, path, tree in sources() for full in imports(tree, path)}
    assert used - set(sys.stdlib_module_names) - known - ALONG - {"framepress"} == set()


def test_only_the_rim_reads_the_environment() -> None:
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for name, path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv")
        if isinstance(node.value, ast.Name) and node.value.id == "os" and name not in RIM
    }
    assert readers == set()


# The reader of tables and imports, on small examples: it decides what the tests above can see.


def test_a_row_may_not_name_a_row_below_it() -> None:
    rows = tables("|m|s|i|\n|---|---|---|\n|`a`|x|`b`|\n|`b`|x|-|\n")[0]
    with pytest.raises(AssertionError, match="not above it"):
        allowed_imports(rows)


def test_what_is_allowed_is_allowed_transitively_and_within_a_row() -> None:
    rows = tables("|m|s|i|\n|---|---|---|\n|`a`|of `z`|-|\n|`b`, `c`|x|`a`|\n|`d`|x|`b`|\n")[0]
    assert allowed_imports(rows) == {
        "a": {"a"},
        "b": {"a", "b", "c"},
        "c": {"a", "b", "c"},
        "d": {"a", "b", "c", "d"},
    }


def test_every_form_of_import_is_seen(tmp_path: Path) -> None:
    text = (
        "import framepress.a\nfrom framepress.b import x\nfrom framepress import c\nfrom .d import y\n"
        "from . import e\nfrom ..f import z\ndef g():\n    import framepress.h\n"
    )
    path = tmp_path / "rows/x.py"
    found = set(imports(ast.parse(text), path, root=tmp_path))
    assert found == {
        "framepress.a",
        "framepress.b.x",
        "framepress.c",
        "framepress.rows.d.y",
        "framepress.rows.e",
        "framepress.f.z",
        "framepress.h",
    }
