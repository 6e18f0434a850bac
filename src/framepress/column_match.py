"""Which column of a batch gives which variable of a composition."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from framepress.composition import Composition
from framepress.declarations import LOCALE_NAME, is_own_name
from framepress.errors import RowsError, UsageError
from framepress.remote_source import RemoteSource


class ColumnMatch:
    """The columns of a batch matched to the variables of a composition, once for all rows.

    Args:
        columns: all columns of the batch, or the names given to a single render.
        column_map: variable -> column (`--map`).
        use_default: variables that may lack a column (`--use-default`).
        locale_column: the column that says the row's locale; a single render may give it as `LOCALE_NAME`.
        batch: many rows; a variable without a column is then an error, not its default.

    Attributes:
        known: the columns, and the names that `column_map` makes variables.
        variables: what a row may supply.
        used: the variables that stand in the file.
        column_of: variable -> column, for those that have one.
        remote: gets files of other hosts; None: no host is allowed.

    Raises:
        RowsError, UsageError: a name in `column_map` or `use_default` that does not exist; two columns that
            match one variable.
    """

    def __init__(
        self,
        composition: Composition,
        *,
        columns: Iterable[str],
        column_map: Mapping[str, str],
        use_default: Collection[str],
        batch: bool,
        locale_column: str | None = None,
    ) -> None:
        self.composition = composition
        self.columns = tuple(columns)
        self.batch = batch
        self.remote: RemoteSource | None = None
        self.locale_column = locale_column
        if locale_column is not None and locale_column not in self.columns:
            raise UsageError(
                f'--locale-column: the list has no column "{locale_column}"; there are '
                f"{_listed(self.columns)}.",
                rule="locale-column",
            )
        if not batch and LOCALE_NAME in self.columns:
            self.locale_column = LOCALE_NAME
        self.known = tuple(dict.fromkeys((*self.columns, *column_map)))
        self.template = composition.template(self.known)
        self.variables = composition.variables(self.known)
        self.used = frozenset(self.template.names)
        self.use_default = frozenset(self._variable(name, "--use-default") for name in use_default)
        mapped = {self._variable(name, "--map"): column for name, column in column_map.items()}
        self.column_of: dict[str, str] = {}
        for name in self.variables:
            column = self._mapped(name, mapped[name]) if name in mapped else self._match(name)
            if column is not None:
                self.column_of[name] = column

    def _variable(self, name: str, option: str) -> str:
        if name in self.variables:
            return name
        alike = [variable for variable in self.variables if variable.casefold() == name.casefold()]
        if len(alike) == 1:
            return alike[0]
        raise UsageError(
            f'{option} names "{name}", which is no variable of {self.composition.name}; '
            f"there are {_listed(self.variables)}.",
            rule="unknown-variable",
        )

    def _mapped(self, name: str, column: str) -> str:
        if column not in self.columns:
            near = _nearest(column, self.columns)
            raise RowsError(
                f'--map {name}={column}: there is no column "{column}"'
                + (f'; did you mean "{near}"?' if near else f"; there are {_listed(self.columns)}."),
                rule="unknown-column",
            )
        return column

    def _match(self, name: str) -> str | None:
        if name in self.columns:
            return name
        alike = [column for column in self.columns if column.casefold() == name.casefold()]
        if len(alike) > 1:
            raise RowsError(
                f'"{name}" matches the columns {_listed(alike)}; say which with --map {name}={alike[0]}.',
                rule="ambiguous-column",
            )
        return alike[0] if alike else None

    def check_columns(self) -> None:
        """Refuse columns that cannot be right, before any row is looked at.

        Raises:
            RowsError: in a batch, a variable that the file uses has no column.
            UsageError: in a single render, a name that is no variable.
        """
        if not self.batch:
            self._check_given()
            return
        missing = [
            name
            for name in self.variables
            if name in self.used and name not in self.column_of and name not in self.use_default
        ]
        if not missing:
            return
        used = set(self.column_of.values())
        free = [column for column in self.columns if column not in used]
        texts = []
        for name in missing:
            near = _nearest(name, free) or (free[0] if len(free) == 1 else None)
            hint = f"the nearest is \"{near}\": --map '{name}={near}'" if near else "map one with --map"
            texts.append(f'no column for "{name}" ({hint}')
            declaration = self.composition.declarations.get(name)
            can_default = declaration is not None and (
                declaration.default is not None or not declaration.required
            )
            texts[-1] += f", or --use-default {name})" if can_default else ")"
        raise RowsError(
            f"{self.composition.name}: {'; '.join(texts)}. Columns: {_listed(self.columns)}.",
            rule="missing-column",
        )

    def _check_given(self) -> None:
        used = set(self.column_of.values())
        for column in self.columns:
            if column not in used and not is_own_name(column):
                near = _nearest(column, self.variables)
                raise UsageError(
                    f'"{column}" is no variable of {self.composition.name}'
                    + (f'; did you mean "{near}"?' if near else f"; there are {_listed(self.variables)}."),
                    rule="unknown-variable",
                )


def _nearest(name: str, candidates: Iterable[str]) -> str | None:
    folded = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
    return folded[close[0]] if close else None


def _listed(names: Iterable[str], limit: int = 12) -> str:
    shown = [f'"{name}"' for name in names]
    more = f" and {len(shown) - limit} more" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more if shown else "none"
