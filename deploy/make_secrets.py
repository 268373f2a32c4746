"""Writes what the containers of docker-compose.yml know each other by: fresh secrets, each in a file of its own.

    python deploy/make_secrets.py            # into deploy/secrets
    python deploy/make_secrets.py elsewhere

What is there is never written over: a second call adds what is missing. No value is printed.

The folder is its owner's alone (0700), and the files in it may be read by all (0444). Compose mounts each of them into
the containers that need it, with its owner and mode as they are here, and the users of the containers are not you: by
mode 0600 a file would be closed to them. On this machine, nobody else gets past the folder.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "secrets"
BUCKET = "impasto"
"""The S3 keys are for this bucket, which they may also make."""


def redis() -> Mapping[str, str]:
    """Make a password: as Redis reads it, and as the URL by which the service comes."""
    password = token_hex(32)
    return {"redis.conf": f"requirepass {password}\n", "impasto_redis_url": f"redis://:{password}@redis:6379/0"}


def s3() -> Mapping[str, str]:
    """Make a pair of keys: as SeaweedFS reads them, and as the service does."""
    key_id, secret = token_hex(10), token_hex(32)
    identity = {
        "name": "impasto",
        "credentials": [{"accessKey": key_id, "secretKey": secret}],
        "actions": [f"{action}:{BUCKET}" for action in ("Admin", "Read", "Write", "List")],
    }
    # Without these, whoever reaches its second port, for gRPC, may make themselves keys for everything.
    doors = ("signing", "signing.read", "filer_signing", "filer_signing.read")
    return {
        "seaweedfs_s3.json": json.dumps({"identities": [identity]}, indent=2) + "\n",
        "seaweedfs_security.toml": "".join(f'[jwt.{door}]\nkey = "{token_hex(32)}"\n' for door in doors),
        "impasto_s3_access_key_id": key_id,
        "impasto_s3_secret_access_key": secret,
    }


def grafana() -> Mapping[str, str]:
    """Make the password of Grafana's admin."""
    return {"grafana_admin_password": token_hex(16)}


def make_secrets(folder: Path) -> list[Path]:
    """Write the files that are missing; return which.

    Raises:
        ValueError: the folder is open to others; or of files that hold one secret, some are there and some are not.
        OSError: the folder can't be written to.
    """
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
    if folder.stat().st_mode & 0o077:
        raise ValueError(f"{folder} is open to others, and the files in it will be: chmod 700 {folder}")
    missing = [_missing(folder, group()) for group in (redis, s3, grafana)]
    return [_write(folder / name, text) for files in missing for name, text in files.items()]


def _missing(folder: Path, files: Mapping[str, str]) -> Mapping[str, str]:
    there = [name for name in files if (folder / name).exists()]
    if there and len(there) < len(files):
        gone = ", ".join(name for name in files if name not in there)
        raise ValueError(f"{folder}: there is {', '.join(there)}, but no {gone}. Put it back, or delete them all.")
    return {} if there else files


def _write(file: Path, text: str) -> Path:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as opened:  # noqa: PTH123 - for the mode
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    file.chmod(0o444)  # whatever the umask
    return file


def main(folder: Path) -> None:
    """Write what is missing, and say what was written."""
    try:
        written = make_secrets(folder)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    for file in written:
        print(file)
    if not written:
        print(f"{folder}: everything is there already")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
