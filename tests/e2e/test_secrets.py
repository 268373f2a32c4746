"""After a whole run no secret is anywhere but where it has to be: every log, answer, event and command is searched."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from service.embedded.folder import read_secrets
from service.places import place_of
from service.settings import Settings
from service.stores.blob_store import BlobStore
from tests.e2e.hush import INLINE, NOBODYS, Story, kept, told
from tests.e2e.up_process import started

SIGNED = re.compile(r'"url": "http[^"]+X-Amz-Signature=[^"]+"')

pytestmark = [pytest.mark.servers, pytest.mark.weights]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One run, on a stack of its own."""
    folder = tmp_path_factory.mktemp("hush")
    with started(folder / "data", environment={"IMPASTO_FETCH_ALLOW": "127.0.0.1"}) as up:
        yield told(up, folder)


def found(story: Story, text: str, but: Iterable[str] = ()) -> list[str]:
    """List the secrets in a text, of all kinds but some, by kind and as they stand there."""
    return [
        f"{kind}: …{text[max(0, text.find(secret) - 90) : text.find(secret) + 20]!r}"
        for kind, secrets in story.secrets.items()
        if kind not in but
        for secret in secrets
        if secret in text
    ]


def test_there_are_secrets_of_every_kind_to_be_found(story: Story) -> None:
    assert set(story.secrets) == {"key", "redis", "s3", "s3 id", "whsec", "signature", "image", "hook url"}
    assert len(story.secrets["key"]) >= 8
    assert len(story.secrets["signature"]) >= 2
    assert all(len(secret) >= 9 for secrets in story.secrets.values() for secret in secrets)


def test_no_log_holds_one(story: Story) -> None:
    logs = {log.name.partition(".")[0]: log.read_text(errors="replace") for log in story.up.folder.logs.iterdir()}
    assert set(logs) == {"api", "worker", "keeper", "redis", "s3", "supervisord"}
    logs["s3"] = re.sub(r"(?<=accessKey=)\w+", "", logs["s3"])  # SeaweedFS says whom it knows
    assert {name: secrets for name, text in logs.items() if (secrets := found(story, text))} == {}
    for event in ("job_accepted", "url_unreachable", "request_crashed", "_[hidden]", "https://[hidden]@a.example"):
        assert event in logs["api"], event
    assert "webhook_sent" in logs["keeper"]
    assert "worker_ready" in logs["worker"]


def test_what_impasto_up_prints_holds_the_key_where_it_says_the_address_and_nothing_else(story: Story) -> None:
    said = story.up.said
    assert said.count(story.stack.key) == said.count(f"{story.stack.url}/#key={story.stack.key}") + 1 == 2
    assert found(story, said.replace(story.stack.key, "")) == []


def test_no_command_prints_one(story: Story) -> None:
    """But for the URLs of a job's outputs, which `submit --json` gives with the job's answer."""
    assert len(story.commands) > 20
    said = [(name, SIGNED.sub("", text)) for name, text in story.commands]
    assert {name: secrets for name, text in said if (secrets := found(story, text))} == {}


def test_no_answer_shows_one_but_those_that_are_there_for_it(story: Story) -> None:
    """A job's answer says the URLs that its outputs are had by, and its own webhook, as it was posted."""
    for asked, text in story.answers:
        path = asked.split()[1]
        its_own = path.startswith(("/v1/jobs", "/v1/uploads", "/v1/webhooks"))
        assert found(story, text, but=("signature", "s3 id", "hook url") if its_own else ()) == [], asked


def test_no_problem_shows_one(story: Story) -> None:
    problems = [text for _, text in story.answers if "urn:impasto:problem:" in text]
    assert len(problems) > 15
    assert [secrets for text in problems if (secrets := found(story, text))] == []


def test_no_webhook_s_body_holds_one(story: Story) -> None:
    assert len(story.received) >= 4
    assert [secrets for asked in story.received if (secrets := found(story, asked.body.decode()))] == []


def test_redis_keeps_only_what_it_needs_in_clear(story: Story) -> None:
    """Webhooks' secrets, as they sign; webhooks' addresses, as they are called. Of keys there are digests."""
    where: dict[str, set[str]] = {kind: set() for kind in story.secrets}
    for key, text in kept(story).items():
        for kind, secrets in story.secrets.items():
            if any(secret in text for secret in secrets):
                where[kind].add(key.split(":")[1])
    assert where["key"] | where["redis"] | where["s3"] | where["image"] == set()
    assert where["whsec"] == {"hook", "secret"}
    assert where["hook url"] <= {"hook", "job", "delivery"}
    assert where["signature"] | where["s3 id"] <= {"reply"}, "an answer that is given again, to the same tenant"


def test_no_process_is_started_with_one_among_its_arguments(story: Story) -> None:
    processes = [*story.up.processes(), psutil.Process(story.up.process.pid)]
    assert len(processes) >= 7
    assert found(story, "\n".join(" ".join(process.cmdline()) for process in processes)) == []


def test_the_files_that_hold_one_are_few_and_their_owners_alone(story: Story) -> None:
    root = story.up.folder.root
    holding = {
        path.relative_to(root).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in sorted(root.rglob("*"))
        if path.is_file() and _is_text(path, root) and found(story, path.read_text(errors="replace"), but=("s3 id",))
    }
    assert set(holding) == {"key", "secrets.json", "stack.json", "run/redis.conf", "run/supervisord.conf"}
    assert set(holding.values()) == {0o600}
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def _is_text(path: Path, root: Path) -> bool:
    """Whether it is neither Redis's log nor one of SeaweedFS's volumes, which keep what they were given."""
    return path.relative_to(root).parts[0] not in {"redis", "s3"}


def test_what_redis_writes_to_its_disk_holds_no_key_and_no_file(story: Story) -> None:
    written = b"".join(path.read_bytes() for path in story.up.folder.redis.rglob("*") if path.is_file())
    by_us = {secret for secret in story.secrets["key"] if secret in NOBODYS + story.stack.key}  # by the damage we did
    searched = (story.secrets["key"] - by_us) | story.secrets["redis"] | story.secrets["s3"] | {INLINE[200:260]}
    assert len(searched) >= 8
    assert [secret for secret in searched if secret.encode() in written] == []


def test_every_object_lies_where_its_tenant_s_do_and_has_a_type_of_ours(story: Story) -> None:
    secrets = read_secrets(story.up.folder)
    settings = Settings(
        s3_endpoint=story.stack.s3.endpoint,
        s3_bucket=story.stack.s3.bucket,
        s3_access_key_id=SecretStr(secrets.s3_access_key_id),
        s3_secret_access_key=SecretStr(secrets.s3_secret_access_key),
    )
    with closing(BlobStore(settings)) as blobs:
        keys = blobs.page("")
        types = {blobs._s3.head_object(Bucket=blobs.bucket, Key=key)["ContentType"] for key in keys}
    assert len(keys) >= 2
    assert [place.tenant if (place := place_of(key)) else key for key in keys] == ["default"] * len(keys)
    assert types <= {"image/png", "image/webp", "application/zip"}
