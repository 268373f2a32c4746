"""`make containers`: images built, the stack installed, and all that the runbook has of Compose done to it, under jobs.

    make containers [FROM=COMMIT] [ACTS="drained upgraded"]

It needs Docker with Compose, and the AWS CLI. With FROM, what is installed is another release, and this one is what it
is upgraded to.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client.errors import ApiProblem
from tests.containers.stack import Installed, blocks, images, installed, long_job, release, succeeded, until
from tests.load_meanwhile import posted_meanwhile

ROLES = ("api", "worker", "keeper")
SHORT = {"options": {"size": 64, "iterations": 4}, "cache": False}


def doctor_finds_nothing(on: Installed) -> str:
    """Ask the doctor in both images, and paint: a picture of sixteen bits, and a film of it."""
    for role in ("api", "worker"):
        said = json.loads(on.run(f"docker compose exec {role} impasto doctor --json"))
        amiss = [finding for finding in said["findings"] if finding["verdict"] != "ok"]
        assert amiss == [], amiss
    spec = {**SHORT, "output": {"format": "tiff", "bits": 16, "timelapse": {"format": "mp4"}}}
    job = succeeded(on.client, on.client.submit(images(), spec).id)
    return f"{len(job.outputs)} files"


def nothing_more_than_needed(on: Installed) -> str:
    """Look at what each container may do, and whether it lets a secret out."""
    texts = [file.read_text() for file in (on.folder / "deploy/secrets").iterdir()]
    secrets = {secret for text in texts for secret in re.findall(r"[0-9a-f]{20,}", text)}
    assert len(secrets) >= len(texts) - 2, "two files each have Redis' password, and two each of S3's keys"
    running = on.run("docker compose ps --quiet").split()
    for each in running:
        [seen] = json.loads(on.run(f"docker inspect {each}"))
        host = seen["HostConfig"]
        assert host["ReadonlyRootfs"], seen["Name"]
        assert host["CapDrop"] == ["ALL"], seen["Name"]
        assert seen["Config"]["User"] not in {"", "0", "root"}, seen["Name"]
        assert not any(secret in json.dumps(seen) for secret in secrets), seen["Name"]
    for role in ROLES:
        status = on.run(f"docker compose exec {role} cat /proc/1/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert (int(facts["CapEff"], 16), facts["NoNewPrivs"], facts["Seccomp"]) == (0, "1", "2"), role
    way_out = "import socket; socket.create_connection(('192.0.2.1', 443), 3)"
    refused = on.run(f'docker compose exec worker python -c "{way_out}" 2>&1 || true')
    assert "Network is unreachable" in refused, refused
    return f"{len(running)} containers"


def drained(on: Installed) -> str:
    """Stop the worker while it paints: it hands its job over, and the next one goes on."""
    job_id = long_job(on.client)
    [block] = blocks("Drain a node")
    began = time.monotonic()
    on.run(block.splitlines()[0])
    took_s = time.monotonic() - began
    handed_over = on.client.get(job_id)
    assert (handed_over.status, handed_over.attempt) == ("queued", 0), handed_over
    on.run("docker compose up --detach --wait worker")
    succeeded(on.client, job_id)
    return f"stopped in {took_s:.1f} s"


def killed(on: Installed) -> str:
    """Kill the worker while it paints: its job is taken back, and an attempt charged."""
    job_id = long_job(on.client)
    on.run("docker compose kill worker")
    began = time.monotonic()
    until(lambda: on.client.get(job_id).status == "queued")
    took_s = time.monotonic() - began
    on.run("docker compose up --detach --wait worker")
    succeeded(on.client, job_id, attempt=2)
    return f"taken back after {took_s:.1f} s"


def upgraded(on: Installed) -> str:
    """Replace each role by a newer image while a client goes on posting: no job is lost or charged an attempt."""
    [block] = blocks("Upgrade")
    build, first, *others = block.splitlines()
    newer = f"{on.version}-newer"
    release(on.folder, None)
    on.set(VERSION=newer)
    on.run(build)
    painting = long_job(on.client)
    with posted_meanwhile(on.url, on.key, images(), SHORT) as posted:
        on.run(first)
        assert not on.client.get(painting).terminal, "it was to be handed over"
        on.run("\n".join(others))
        on.run("docker compose up --detach --wait")
        before = len(posted)
        until(lambda: len(posted) >= before + 3)
    for job_id in (painting, *posted):
        succeeded(on.client, job_id)
    named = on.run("docker compose images --format json")
    tags = {each["Tag"] for each in json.loads(named) if each["Repository"].startswith("impasto-")}
    assert tags == {newer}, tags
    return f"{len(posted) + 1} jobs"


def restored(on: Installed) -> str:
    """Back up, lose all, and restore: what was there is there again, what came later is not, and no sweep begins."""
    kept = on.client.submit(images(), SHORT).id
    picture = on.client.download(succeeded(on.client, kept))
    backup, restore, objects = blocks("Back up and restore")
    which = on.run(f'{backup}\necho "$BACKUP"').split()[-1]
    later = on.client.submit(images(), SHORT).id
    succeeded(on.client, later)
    on.run("docker compose rm --stop --force redis s3")
    on.run("docker volume rm {0}_redis {0}_s3".format(on.environment["COMPOSE_PROJECT_NAME"]))
    *before, last, doctor = restore.splitlines()
    on.run("\n".join([f"BACKUP={which}", *before, objects, last, doctor]))
    assert on.client.download(on.client.get(kept)) == picture
    with pytest.raises(ApiProblem, match="not_found"):
        on.client.get(later)
    succeeded(on.client, on.client.submit(images(), SHORT).id)
    assert on.run("redis-cli get impasto:sweep").strip() == "restoring", "nothing is swept before somebody has looked"
    copied = [file for file in (on.folder / which / "s3").rglob("*") if file.is_file()]
    assert picture in [file.read_bytes() for file in copied]
    return f"{len(copied)} objects"


def rotated(on: Installed) -> str:
    """Give S3 and Redis new secrets: what there was can be had as before."""
    job = succeeded(on.client, on.client.submit(images(), SHORT).id)
    picture = on.client.download(job)
    before = {file.name: file.read_text() for file in (on.folder / "deploy/secrets").iterdir()}
    for block in blocks("Rotate keys"):
        on.run(block)
        assert on.client.download(on.client.get(job.id)) == picture
        succeeded(on.client, on.client.submit(images(), SHORT).id)
    after = {file.name: file.read_text() for file in (on.folder / "deploy/secrets").iterdir()}
    changed = sorted(name for name in before if before[name] != after[name])
    assert len(changed) == 6, changed
    return f"{len(changed)} secrets"


def watched(on: Installed) -> str:
    """Bring up Prometheus: every process answers it, and it knows all rules."""
    on.run("docker compose --profile observe up --detach --wait prometheus")
    prometheus = f"http://127.0.0.1:{on.environment['PROMETHEUS_PORT']}/api/v1"

    def targets() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{prometheus}/targets").json()["data"]["activeTargets"]
        return found if {each["labels"]["job"] for each in found} >= {f"impasto-{role}" for role in ROLES} else []

    until(lambda: targets() and all(each["health"] == "up" for each in targets()))
    groups = httpx.get(f"{prometheus}/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    until(lambda: httpx.get(f"{prometheus}/query", params={"query": "impasto_keepers"}).json()["data"]["result"])
    assert rules
    assert all(rule["health"] in {"ok", "unknown"} for rule in rules)
    return f"{len(targets())} targets, {len(rules)} rules"


def shown(on: Installed) -> str:
    """Bring up Grafana: it has the dashboards, and Prometheus behind them."""
    on.run("docker compose --profile observe up --detach --wait")
    password = (on.folder / "deploy/secrets/grafana_admin_password").read_text()
    with httpx.Client(
        base_url=f"http://127.0.0.1:{on.environment['GRAFANA_PORT']}/api", auth=("admin", password)
    ) as grafana:
        dashboards = grafana.get("/search", params={"type": "dash-db"}).json()
        assert len(dashboards) == len(list((on.folder / "deploy/grafana/dashboards").glob("*.json")))
        [source] = grafana.get("/datasources").json()
        assert grafana.get(f"/datasources/uid/{source['uid']}/health").json()["status"] == "OK"
    return f"{len(dashboards)} dashboards"


def stopped(on: Installed) -> str:
    """Stop everything: each process of ours ends by itself, in time and well."""
    on.run("docker compose stop")
    codes = {}
    for each in on.run("docker compose ps --all --quiet").split():
        [seen] = json.loads(on.run(f"docker inspect {each}"))
        codes[seen["Config"]["Labels"]["com.docker.compose.service"]] = seen["State"]["ExitCode"]
    assert {codes[role] for role in ROLES} == {0}, codes
    return "exit code 0"


Act = Callable[[Installed], str]
ACTS: tuple[Act, ...] = (
    doctor_finds_nothing,
    nothing_more_than_needed,
    drained,
    killed,
    upgraded,
    restored,
    rotated,
    watched,
    shown,
    stopped,
)


def main(ref: str | None, names: list[str]) -> None:
    """Install a release, and do these things to it, or all of them."""
    unknown = set(names) - {act.__name__ for act in ACTS}
    if unknown:
        sys.exit(f"there is no {', '.join(sorted(unknown))}: {', '.join(act.__name__ for act in ACTS)}")
    began = time.monotonic()

    def say(what: str, outcome: str) -> None:
        line = f"{time.monotonic() - began:5.0f} s  {what.replace('_', ' '):<26} {outcome}"
        print(line, flush=True)

    with tempfile.TemporaryDirectory(prefix="containers-") as folder, installed(Path(folder), ref) as on:
        say("installed", "")
        for act in ACTS:
            if not names or act.__name__ in names:
                say(act.__name__, act(on))


if __name__ == "__main__":
    main(os.environ.get("FROM") or None, sys.argv[1:])
