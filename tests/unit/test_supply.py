"""What comes from others: pinned, named by digest, never run unread; and one client for strangers' URLs."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    file
    for folder in ("api", "service", "workers", "deploy", "docs")
    for file in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in file.parts
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
}


def of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


# Packages


def needed_to_run() -> list[Requirement]:
    project = PROJECT["project"]
    extras = [project["optional-dependencies"][name] for name in ("worker", "embedded", "demo")]
    return [Requirement(line) for line in (*project["dependencies"], *chain.from_iterable(extras))]


@pytest.mark.parametrize("wanted", needed_to_run(), ids=str)
def test_what_the_service_needs_is_pinned_to_a_version_that_will_do(wanted: Requirement) -> None:
    assert wanted.specifier.contains(PINNED[canonicalize_name(wanted.name)])


def test_every_line_of_the_constraints_pins_one_version() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = [line for line in lines if line.strip() and not line.startswith(" ")]
    assert [line for line in pins if not re.match(r"[a-z0-9.-]+==[\w.!+-]+(\s+#|$)", line)] == []
    assert len(pins) == len(PINNED)


def test_what_builds_the_package_is_pinned_too() -> None:
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in PROJECT["build-system"]["requires"])


def test_no_registry_is_named_so_that_everybodys_own_counts() -> None:
    named = re.compile(r"(pypi|pythonhosted|npmjs|golang)\.(org|com)|(crates|ghcr|docker|quay)\.io")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = {name: (ROOT / name).read_bytes().decode(errors="ignore") for name in files.split("\0") if name}
    assert len(texts) > 300
    assert [name for name, text in texts.items() if named.search(text)] == []


# Code from data

NEVER_IMPORTED = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "pty"}
UNPICKLES = {"workers/painter/checkpoints.py"}
"""It derives an unpickler that knows arrays alone, and catches pickle's errors; `test_checkpoints.py` attacks it."""
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp", "mktemp",
                "pickle.load", "pickle.loads", "pickle.Unpickler", "yaml.load", "torch.hub.load"}  # fmt: skip
NEEDED = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
"""Calls that are safe with this argument alone."""


def dotted(node: ast.expr) -> str:
    """Write a name as it is called."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def dangers(tree: ast.AST) -> Iterator[str]:
    """Name the calls that run what they are given."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name, given = dotted(call.func), {keyword.arg: keyword.value for keyword in call.keywords}
        if name in NEVER_CALLED or name.rpartition(".")[2] == "extractall":
            yield name
        if name in NEEDED and ast.dump(given.get(NEEDED[name][0], ast.Constant(None))) != ast.dump(
            ast.Constant(NEEDED[name][1])
        ):
            yield f"{name} without {NEEDED[name][0]}={NEEDED[name][1]}"
        if "shell" in given and ast.dump(given["shell"]) != ast.dump(ast.Constant(value=False)):
            yield f"{name} with a shell"


@pytest.mark.parametrize(
    "program",
    ["eval('1')", "exec(x)", "os.system('x')", "subprocess.run('x', shell=True)", "torch.load(f)", "np.load(f)",
     "torch.load(f, weights_only=False)", "tempfile.mktemp()", "a.extractall(p)", "pickle.loads(x)", "yaml.load(x)"],
)  # fmt: skip
def test_what_is_dangerous_is_known_when_it_is_seen(program: str) -> None:
    assert list(dangers(ast.parse(program)))


@pytest.mark.parametrize("file", SOURCES, ids=of)
def test_nothing_runs_what_it_is_given(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert list(dangers(tree)) == []
    assert of(file) in UNPICKLES or not NEVER_IMPORTED & {name.partition(".")[0] for name in imported(tree)}


# The way outside

CLIENTS = {"httpx", "httpcore", "http.client", "urllib.request", "urllib3", "requests", "aiohttp", "ftplib", "smtplib",
           "telnetlib", "xmlrpc.client", "websockets", "imaplib", "poplib", "nntplib"}  # fmt: skip
TO_STRANGERS = {"service/fetch.py": {"httpx", "httpcore"}, "service/dial.py": {"httpcore"}}
TO_OURSELVES = {
    "service/embedded/readiness.py": {"httpx"},  # the parts of `impasto up`, on loopback
    "service/embedded/supervision.py": {"http.client", "xmlrpc.client"},  # supervisord, through its own socket
    "deploy/healthy.py": {"urllib.request"},  # the process of the same container
    "deploy/deletion_cost.py": {"http.client"},  # the cluster's own API, and the worker of the same pod
    "api/client/sync.py": {"httpx"},  # the client goes where its user says
    "api/client/asynchronous.py": {"httpx"},
    "api/client/transport.py": {"httpx"},
    "api/client/notebook.py": {"httpx"},  # a job's own picture, by the URL that the service gave
    "api/terminal/watch.py": {"httpx"},  # its preview, likewise
    "workers/painter/sources.py": {"httpx"},  # weights, from where an operator says
}


def test_whoever_goes_outside_is_known_and_of_strangers_urls_there_is_one_client() -> None:
    found = {of(file): CLIENTS & set(imported(ast.parse(file.read_text()))) for file in SOURCES}
    assert {file: clients for file, clients in found.items() if clients} == TO_STRANGERS | TO_OURSELVES


def test_webhooks_and_images_go_by_that_client_alone() -> None:
    users = {of(file) for file in SOURCES if re.search(r"\bservices\.outside\.(get|post|check)\(", file.read_text())}
    assert users == {"service/deliver.py", "service/prepare.py", "service/webhooks.py"}
    for name in users:
        tree = ast.parse((ROOT / name).read_text())
        assert not {"socket", "ssl", "subprocess", "asyncio"} & {each.partition(".")[0] for each in imported(tree)}
