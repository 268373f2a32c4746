"""The files for Kubernetes, built as they are applied: valid, safe, and of one mind with each other and the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from kubernetes_validate import utils

import service
from service import addresses
from service.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy/kubernetes"
KUBECTL = Path(sys.executable).with_name("kubectl")
CASES = {
    "base": ["base"],
    **{folder.name: [f"overlays/{folder.name}"] for folder in sorted((HERE / "overlays").iterdir())},
    **{folder.name: ["base", f"components/{folder.name}"] for folder in sorted((HERE / "components").iterdir())},
}
"""An overlay, or the base with one component."""
CUSTOM = {"ScaledObject", "TriggerAuthentication", "PodMonitor"}
"""Kinds of which Kubernetes itself has no schema."""
SCHEMA = cache(utils.schema_contents)
ROLES = {"api": "api", "worker": "worker", "keeper": "api"}
"""Each role, and whose image it runs in."""

Thing = dict[str, Any]


@cache
def built(case: str) -> list[Thing]:
    """Build as `kubectl apply -k` does."""
    target, *components = (HERE / part for part in CASES[case])
    with TemporaryDirectory() as folder:
        if components:
            base, *parts = (os.path.relpath(part, Path(folder).resolve()) for part in (target, *components))
            target = Path(folder)
            (target / "kustomization.yaml").write_text(json.dumps({"resources": [base], "components": parts}))
        done = subprocess.run([KUBECTL, "kustomize", target], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(params=CASES)
def things(request: pytest.FixtureRequest) -> list[Thing]:
    return built(request.param)


@pytest.fixture
def production() -> list[Thing]:
    return built("production")


def of_kind(things: list[Thing], *kinds: str) -> list[Thing]:
    return [thing for thing in things if thing["kind"] in kinds]


def the(things: list[Thing], kind: str, name: str) -> Thing:
    [found] = [thing for thing in of_kind(things, kind) if thing["metadata"]["name"] == f"impasto-{name}"]
    return found


def pod(things: list[Thing], role: str) -> Thing:
    template: Thing = the(things, "Deployment", role)["spec"]["template"]
    return template


def mains(things: list[Thing]) -> dict[str, Thing]:
    return {role: pod(things, role)["spec"]["containers"][0] for role in ROLES}


def containers(things: list[Thing]) -> Iterator[Thing]:
    for spec in (pod(things, role)["spec"] for role in ROLES):
        yield from spec.get("initContainers", []) + spec["containers"]


def number(quantity: str | int) -> float:
    amount, unit = re.findall(r"(\d+)(m|Mi|Gi|)$", str(quantity))[0]
    return int(amount) * {"m": 0.001, "Mi": 2**20, "Gi": 2**30, "": 1}[unit]


def matches(selector: Thing, labels: Thing) -> bool:
    wishes = selector.get("matchExpressions", [])
    assert all(wish["operator"] == "In" for wish in wishes)
    chosen: bool = selector["matchLabels"].items() <= labels.items()
    return chosen and all(labels.get(wish["key"]) in wish["values"] for wish in wishes)


@pytest.mark.parametrize("version", ["1.30", utils.latest_version()])
def test_every_object_is_what_kubernetes_knows_by_its_name(
    things: list[Thing], version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utils, "schema_contents", SCHEMA)
    for thing in things:
        assert thing["metadata"]["labels"]["app.kubernetes.io/part-of"] == "impasto"
        if thing["kind"] not in CUSTOM:
            utils.validate(thing, version, strict=True)


def test_every_file_is_used_but_the_example_of_a_secret_and_the_base_needs_nothing_of_others() -> None:
    assert not of_kind(built("base") + built("cpu"), *CUSTOM)
    assert not [thing for thing in built("base") if "namespace" in thing["metadata"]]
    used = set[Path]()
    for file in HERE.rglob("kustomization.yaml"):
        said = yaml.safe_load(file.read_text())
        names = [name for made in said.get("configMapGenerator", []) for name in made["envs"]]
        names += [patch["path"] for patch in said.get("patches", []) if "path" in patch]
        used |= {file, *(file.parent / name for name in [*said.get("resources", []), *names])}
    there = {file for file in HERE.rglob("*") if file.is_file() and file.suffix != ".md"}
    assert there - used == {HERE / "base/secret.example.yaml"}


def test_each_role_runs_its_command_in_the_image_that_is_for_it_and_of_this_version(things: list[Thing]) -> None:
    made = {image: (ROOT / f"deploy/{image}.Dockerfile").read_text() for image in ROLES.values()}
    for role, main in mains(things).items():
        assert main["command"] == ["impasto", role]
        assert role == "keeper" or f'\nCMD ["impasto", "{role}"]\n' in made[ROLES[role]]
        assert main["image"].rpartition("/")[2] == f"impasto-{ROLES[role]}:{service.__version__}"
    assert {container["image"].rpartition(":")[2] for container in containers(things)} == {service.__version__}


def test_a_sidecar_alone_may_talk_to_kubernetes_and_the_painter_cannot_read_its_token(production: list[Thing]) -> None:
    spec, [role] = pod(production, "worker")["spec"], of_kind(production, "Role")
    [binding] = of_kind(production, "RoleBinding")
    [sidecar], [subject] = spec["initContainers"], binding["subjects"]
    assert (sidecar["command"][0], sidecar["restartPolicy"]) == ("python", "Always")
    assert f"COPY deploy/deletion_cost.py {sidecar['command'][1]}\n" in (ROOT / "deploy/api.Dockerfile").read_text()
    asked = set(re.findall(r'known\["(\w+)"\]', (ROOT / "deploy/deletion_cost.py").read_text()))
    given = {variable["name"] for variable in sidecar["env"]}
    assert asked == given | {"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]
    assert (binding["roleRef"]["name"], subject["name"]) == (role["metadata"]["name"], spec["serviceAccountName"])
    mounts = {each["name"]: {mount["name"] for mount in each["volumeMounts"]} for each in containers(production)}
    assert [name for name, volumes in mounts.items() if "account" in volumes] == [sidecar["name"]]
    assert sidecar["securityContext"]["runAsUser"] != spec["securityContext"]["runAsUser"]


def test_every_variable_is_a_setting_and_every_secret_a_file_where_the_settings_look(
    things: list[Thing], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    [config], example = of_kind(things, "ConfigMap"), yaml.safe_load((HERE / "base/secret.example.yaml").read_text())
    assert not of_kind(things, "Secret")
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert set(example["stringData"]) == {f"impasto_{name}" for name in secret}
    for role, main in mains(things).items():
        [volume] = [each["secret"] for each in pod(things, role)["spec"]["volumes"] if each["name"] == "secrets"]
        [mount] = [each["mountPath"] for each in main["volumeMounts"] if each["name"] == "secrets"]
        assert (volume["secretName"], mount) == (example["metadata"]["name"], config["data"]["IMPASTO_SECRETS_DIR"])
        assert main["envFrom"] == [{"configMapRef": {"name": config["metadata"]["name"]}}]
        assert main["ports"][-1] == {"name": "watch", "containerPort": int(config["data"]["IMPASTO_WATCH_PORT"])}
    for name, value in example["stringData"].items():
        (tmp_path / name).write_text(value)
    for name, value in config["data"].items():
        monkeypatch.setenv(name, value)
        assert name == "IMPASTO_SECRETS_DIR" or name.removeprefix("IMPASTO_").lower() in Settings.model_fields
    monkeypatch.setenv("IMPASTO_ENVIRONMENT", "production")
    monkeypatch.setenv("IMPASTO_SECRETS_DIR", str(tmp_path))
    assert read_settings().redis_url.get_secret_value() == example["stringData"]["impasto_redis_url"]


def test_every_container_is_confined_and_has_its_share(things: list[Thing]) -> None:
    for container in containers(things):
        may = container["securityContext"]
        assert (may["allowPrivilegeEscalation"], may["readOnlyRootFilesystem"]) == (False, True)
        assert may["capabilities"] == {"drop": ["ALL"]}
        share = container["resources"]
        assert all(number(share["requests"][what]) <= number(share["limits"][what]) for what in ("cpu", "memory"))
    for role, main in mains(things).items():
        spec = pod(things, role)["spec"]
        assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == (True, 10001)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        # Or a Service's name would become IMPASTO_API_PORT=tcp://…, and every container the cluster's token.
        assert (spec["enableServiceLinks"], spec["automountServiceAccountToken"]) == (False, False)
        assert all(volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"] if "emptyDir" in volume)
        assert {mount["name"] for mount in main["volumeMounts"]} <= {volume["name"] for volume in spec["volumes"]}
        for when, path in {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}.items():
            assert main[f"{when}Probe"]["httpGet"] == {"path": path, "port": "watch"}


def test_an_api_has_memory_for_what_it_decodes_and_time_to_end_unnoticed(things: list[Thing]) -> None:
    spec, main = pod(things, "api")["spec"], mains(things)["api"]
    limits, sleeps = main["resources"]["limits"], main["lifecycle"]["preStop"]["sleep"]["seconds"]
    [tmp] = [number(each["emptyDir"]["sizeLimit"]) for each in spec["volumes"] if each["name"] == "tmp"]
    decoding = number(limits["cpu"]) * Settings.model_fields["ingest_memory_bytes"].default
    assert number(limits["memory"]) >= decoding + tmp + 512 * 2**20
    assert sleeps >= 5  # until every balancer has heard of it; then answers under way, and what is left to send
    assert spec["terminationGracePeriodSeconds"] >= sleeps + 10 + 10
    assert the(things, "Deployment", "api")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_a_worker_has_a_gpu_time_to_start_and_time_to_hand_over(things: list[Thing]) -> None:
    spec, main = pod(things, "worker")["spec"], mains(things)["worker"]
    small = things is built("cpu")
    assert main["resources"]["limits"].get("nvidia.com/gpu") == (None if small else 1)
    assert [each["key"] for each in spec.get("tolerations", [])] == ([] if small else ["nvidia.com/gpu"])
    assert main["startupProbe"]["periodSeconds"] * main["startupProbe"]["failureThreshold"] > 120  # importing torch
    assert spec["terminationGracePeriodSeconds"] > 60 + Settings.model_fields["storage_patience_s"].default
    assert the(things, "Deployment", "worker")["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_whatever_selects_selects_what_it_is_named_for(things: list[Thing]) -> None:
    labels = {role: pod(things, role)["metadata"]["labels"] for role in ROLES}
    door = the(things, "Service", "api")["spec"]
    chosen = {("impasto-api", "Service"): {"matchLabels": door["selector"]}}
    for thing in of_kind(things, "Deployment", "PodDisruptionBudget"):
        chosen[thing["metadata"]["name"], thing["kind"]] = thing["spec"]["selector"]
    assert len(chosen) == 1 + 2 * len(ROLES)
    for (name, _), selector in chosen.items():
        assert [f"impasto-{role}" for role in ROLES if matches(selector, labels[role])] == [name]
    assert door["ports"][0]["targetPort"] == mains(things)["api"]["ports"][0]["name"]
    for policy in of_kind(things, "NetworkPolicy"):
        assert any(matches(policy["spec"]["podSelector"], labels[role]) for role in ROLES)
    for watcher in of_kind(things, "PodMonitor"):
        assert all(matches(watcher["spec"]["selector"], labels[role]) for role in ROLES)
        [end] = watcher["spec"]["podMetricsEndpoints"]
        [relabeling] = end["relabelings"]
        assert (end["port"], relabeling["targetLabel"], relabeling["replacement"]) == ("watch", "job", "impasto-$1")
        assert relabeling["sourceLabels"] == ["__meta_kubernetes_pod_label_app_kubernetes_io_component"]


def reaches(things: list[Thing], role: str, address: str, port: int) -> bool:
    """Say whether a role's pods may connect to an address outside the cluster, by all policies together."""
    ip, labels = ip_address(address), pod(things, role)["metadata"]["labels"]
    chosen = [each["spec"] for each in of_kind(things, "NetworkPolicy") if matches(each["spec"]["podSelector"], labels)]
    rules = [rule for policy in chosen for rule in policy.get("egress", [])]
    peers = [peer for rule in rules for peer in rule["to"] if {"port": port, "protocol": "TCP"} in rule["ports"]]
    blocks = [peer["ipBlock"] for peer in peers if "ipBlock" in peer]
    closed = [block.get("except", []) for block in blocks if ip in ip_network(block["cidr"])]
    return any(not any(ip in ip_network(network) for network in networks) for networks in closed)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_what_it_needs_and_nothing_else(role: str) -> None:
    base, outside = built("base"), ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
    assert set(the(base, "NetworkPolicy", "nothing")["spec"]) == {"podSelector", "policyTypes"}
    assert all(reaches(base, role, address, 443) for address in outside)
    assert all(reaches(base, role, address, 80) == (role != "worker") for address in outside)
    assert reaches(base, role, "10.1.2.3", 6379)
    assert reaches(base, role, "10.1.2.3", 26379)
    assert not reaches(base, role, outside[0], 6379)
    carrying = [ip_network(each) for each in ("fc00::/7", "fe80::/10", "2002::/16")]
    for closed in [*addresses._CLOSED_4, *addresses._CLOSED_6, *carrying]:
        assert not any(reaches(base, role, str(end), port) for end in (closed[0], closed[-1]) for port in (80, 443))


def test_only_neighbours_that_are_named_come_in(production: list[Thing]) -> None:
    doors = {
        (rule["ports"][0]["port"], rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])
        for policy in of_kind(production, "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
    }
    assert doors == {("http", "ingress-nginx"), ("watch", "monitoring"), ("http", "keda")}


def test_what_scales_is_told_how_many_are_wanted_and_no_file_says_a_number_besides(production: list[Thing]) -> None:
    scaled, door = the(production, "ScaledObject", "worker")["spec"], the(production, "Service", "api")
    [trigger], url = scaled["triggers"], urlsplit(scaled["triggers"][0]["metadata"]["url"])
    assert url.netloc == f"impasto-api.{door['metadata']['namespace']}.svc:{door['spec']['ports'][0]['port']}"
    described = json.loads((ROOT / "docs/openapi.json").read_text())
    assert url.path in described["paths"]
    assert trigger["metadata"]["valueLocation"] in described["components"]["schemas"]["AutoscaleOut"]["properties"]
    assert (trigger["type"], trigger["metadata"]["targetValue"]) == ("metrics-api", "1")
    [token] = the(production, "TriggerAuthentication", "autoscaler")["spec"]["secretTargetRef"]
    assert (trigger["metadata"]["authMode"], token["parameter"]) == ("bearer", "token")
    for what, role in ((scaled, "worker"), (the(production, "HorizontalPodAutoscaler", "api")["spec"], "api")):
        assert what["scaleTargetRef"]["name"] == f"impasto-{role}"
        assert "replicas" not in the(production, "Deployment", role)["spec"]


def test_what_stands_in_front_lets_bodies_events_and_waiting_pass(production: list[Thing]) -> None:
    says = the(production, "Ingress", "api")["metadata"]["annotations"]
    largest = Settings.model_fields["upload_max_bytes"].default
    for prefix, body in (("nginx.ingress.kubernetes.io", "proxy-body-size"), ("nginx.org", "client-max-body-size")):
        assert says[f"{prefix}/proxy-buffering"].lower() in {"off", "false"}
        assert int(says[f"{prefix}/{body}"].removesuffix("m")) * 2**20 > largest
        assert int(says[f"{prefix}/proxy-read-timeout"].removesuffix("s")) >= 75


def test_the_rules_of_prometheus_become_objects_by_the_words_of_the_readme(tmp_path: Path) -> None:
    [recipe] = re.findall(r"```sh\n(for rules .*?)```", (HERE / "README.md").read_text(), re.DOTALL)
    (tmp_path / "kubectl").write_text("#!/bin/sh\necho ---\ncat\n")
    (tmp_path / "kubectl").chmod(0o755)
    first = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = subprocess.run(["sh", "-ec", recipe], cwd=ROOT, env=first, capture_output=True, check=True)
    there = [yaml.safe_load(file.read_text()) for file in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))]
    assert [made["spec"] for made in yaml.safe_load_all(told.stdout)] == there != []
