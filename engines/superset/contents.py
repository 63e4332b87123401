"""The dashboards' files over a database, as Superset takes them. As a program: a zip of them, for which Python alone is enough.

    python3 contents.py FILES ZIP        with FLOWGUARD_DATABASE_URI
"""

import json
import os
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

ADDRESS = "sqlalchemy_uri: duckdb:////data/reports.duckdb\n"
OF_DUCKDB = """  engine_params:
    connect_args:
      read_only: true
"""


def contents_of(folder: Path, database_uri: str) -> dict[str, str]:
    """Each file's text by its path."""
    contents = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.yaml"))}
    for name in contents:
        if name.startswith("databases/"):
            # A text of JSON is one of YAML, too.
            contents[name] = replaced(contents[name], ADDRESS, f"sqlalchemy_uri: {json.dumps(database_uri, ensure_ascii=False)}\n")
            if not database_uri.startswith("duckdb:"):
                contents[name] = replaced(contents[name], OF_DUCKDB, "  engine_params: {}\n")
    return contents


def replaced(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        sys.exit(f"the database's file does not have once: {old}")
    return text.replace(old, new)


if __name__ == "__main__":
    path = Path(sys.argv[2])
    # The address may have a password in it: one that is there already may be open to others.
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file, ZipFile(file, "w", ZIP_DEFLATED) as bundle:
        for name, text in contents_of(Path(sys.argv[1]), os.environ["FLOWGUARD_DATABASE_URI"]).items():
            bundle.writestr(f"flowguard/{name}", text)
