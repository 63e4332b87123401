"""The dashboards' files over a database, as Superset takes them. As a program: a zip of them.

    python3 contents.py FILES DATABASE_URI ZIP
"""

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
    with ZipFile(sys.argv[3], "w", ZIP_DEFLATED) as bundle:
        for name, text in contents_of(Path(sys.argv[1]), sys.argv[2]).items():
            bundle.writestr(f"flowguard/{name}", text)
