"""Restore a backup into an empty database, as docs/backup.md says, and print the API key.

A program of its own, in the place of `tests.chaos.prepare`. Its argument is JSON: `backup` (a file of pg_dump),
`database` (as PostgreSQL's own programs name it) and `key`.
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.chaos.postgres import program


def main() -> None:
    contents = json.loads(sys.argv[1])
    restore = ["--no-owner", "--exit-on-error", f"--dbname={contents['database']}", contents["backup"]]
    subprocess.run([program("pg_restore"), *restore], check=True)
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], check=True)
    sys.stdout.write(f"{contents['key']}\n")


if __name__ == "__main__":
    main()
