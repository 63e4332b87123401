"""The dashboards' files over a database, as Superset takes them. As a program: a zip of them.

    python3 contents.py FILES ZIP        with FLOWGUARD_DATABASE_URI
"""

import os
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import yaml


def contents_of(folder: Path, database_uri: str) -> dict[str, str]:
    """Each file's text by its path."""
    contents = {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.yaml"))}
    for name in contents:
        if name.startswith("databases/"):
            content = yaml.safe_load(contents[name])
            content["sqlalchemy_uri"] = database_uri
            if not database_uri.startswith("duckdb:"):
                content["extra"]["engine_params"] = {}
            contents[name] = yaml.safe_dump(content)
    return contents


if __name__ == "__main__":
    path = Path(sys.argv[2])
    # The address may have a password in it: one that is there already may be open to others.
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file, ZipFile(file, "w", ZIP_DEFLATED) as bundle:
        for name, text in contents_of(Path(sys.argv[1]), os.environ["FLOWGUARD_DATABASE_URI"]).items():
            bundle.writestr(f"flowguard/{name}", text)
