"""The named SQL files: `statement("claims/lock_due")` is `sql/claims/lock_due.sql`.

Each file is one statement; its first lines are comments: a title, a sentence, the parameters.
"""

import functools
from importlib import resources


@functools.cache
def statement(name: str) -> str:
    """Return the SQL called `name` (area/file). Raises FileNotFoundError for an unknown name."""
    return (resources.files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def names() -> list[str]:
    """Return the names of all statements, sorted."""
    root = resources.files(__package__) / "sql"
    return sorted(
        f"{area.name}/{file.name.removesuffix('.sql')}"
        for area in root.iterdir()
        if area.is_dir()
        for file in area.iterdir()
        if file.name.endswith(".sql")
    )
