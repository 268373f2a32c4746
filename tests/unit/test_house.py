"""The rules of the house, as facts."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "service", "workers")
SOURCES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def test_the_arrows_point_inwards() -> None:
    contracts = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert contracts.returncode == 0, contracts.stdout


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_is_longer_than_300_lines(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 300


@pytest.mark.parametrize("module", ["api.app", "api.client", "service.submit", "service.wiring", "workers.app"])
def test_nothing_but_the_painter_imports_torch(module: str) -> None:
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_status_words_stand_in_the_job_alone() -> None:
    words = re.compile(r"""["'](queued|running|canceling|succeeded|canceled|expired)["']""")
    found = [
        f"{file.relative_to(ROOT)}: {match.group()}"
        for file in [*SOURCES, *(ROOT / "service").rglob("*.lua")]
        if file.name != "job.py"
        for match in words.finditer(file.read_text())
    ]
    assert found == []


def test_nothing_is_made_at_import() -> None:
    """Module level holds definitions, constants and types: no call of a client, an app or a thread."""
    makers = {"FastAPI", "Celery", "Redis", "Thread", "Settings", "open_services", "create_app", "make_celery"}
    made = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file in SOURCES
        for statement in ast.parse(file.read_text()).body
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr)
        for call in ast.walk(statement)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in makers
    ]
    assert made == []


def test_every_script_lists_its_keys_with_their_ttl() -> None:
    prelude, *scripts = (
        (ROOT / "service/stores" / f"{name}.lua").read_text()
        for name in ("prelude", *sorted(f.stem for f in (ROOT / "service/stores").glob("*.lua") if f.stem != "prelude"))
    )
    assert len(scripts) >= 8
    own = re.compile(r"\bkey\('(\w+)'")
    of_functions = {
        name: set(own.findall(body))
        for name, body in re.findall(r"^local function (\w+)\((.*?)^end", prelude, re.MULTILINE | re.DOTALL)
    }
    of_functions["set_state"] |= of_functions["count"]
    of_functions["finish"] |= of_functions["take_away"] | of_functions["set_state"]
    for text in scripts:
        header, _, code = text.partition("-- ARGV")
        used = set(own.findall(code)).union(*(keys for name, keys in of_functions.items() if f"{name}(" in code))
        listed = set(re.findall(r"\w+", header))
        assert used <= listed, header
