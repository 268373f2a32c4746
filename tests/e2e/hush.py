"""A whole run with secrets everywhere: jobs that succeed, fail, are refused or crash, and what was said of them."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis as redis_driver

from service.embedded.folder import read_secrets
from service.embedded.running import RunningStack
from tests.e2e.command import impasto
from tests.e2e.up_process import Up
from tests.images import photograph_bytes
from tests.receiver import Asked, Receiver, Send, answer, receiving

PHOTO = photograph_bytes(96, 64)
INLINE = base64.b64encode(PHOTO).decode()
IMAGE_TOKENS = ("hush-image-path", "hush-image-query", "hush-absent", "hush-user", "hush-password")
HOOK_TOKENS = ("hush-hook-path", "hush-hook-query")
NOBODYS = f"imp_{12 * '0'}_{'hushNobodysSecret'.ljust(43, 'x')}"
NO_KEYS = ("hush-no-key-at-all", "hush-basic-password")
SIGNATURE = re.compile(r"X-Amz-Signature=([0-9a-f]{64})")
TINY = {"options": {"size": 64, "iterations": 2}}


@dataclass
class Story:
    """What happened.

    Attributes:
        secrets: by kind; of an API key what stands after its id. An `s3 id` is none by itself: URLs name it.
        answers: of the API: what was asked, and all that was answered.
        shown: those answers whose purpose it is to show a secret of the API.
        commands: what was run, and its stdout and stderr.
        received: by the receiver of webhooks.
    """

    up: Up
    stack: RunningStack
    secrets: dict[str, set[str]] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    received: list[Asked] = field(default_factory=list)

    def hush(self, kind: str, *secrets: str) -> None:
        """Note secrets."""
        self.secrets.setdefault(kind, set()).update(secrets)

    def key(self, key: str) -> str:
        """Note an API key."""
        self.hush("key", key.split("_", 2)[2])
        return key

    def run(
        self, *arguments: str | Path, show: bool = False, own: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; one that is to show a key is only heard on stderr."""
        ran = impasto(*arguments, **own)
        said = ran.stderr if show else ran.stdout + ran.stderr
        self.commands.append((" ".join(map(str, arguments[:2])), said))
        return ran

    def asked(self, client: httpx.Client, method: str, path: str, *, show: bool = False, **request: Any) -> Any:
        """Call the API; give the answer's JSON."""
        answer = client.request(method, path, **request)
        self.hush("signature", *SIGNATURE.findall(answer.text + str(answer.headers)))
        if show:
            self.shown.append(answer.text)
        else:
            self.answers.append((f"{method} {path.partition('?')[0]}", f"{answer.headers}\n{answer.text}"))
        return answer.json() if "json" in answer.headers.get("content-type", "") else {}


@contextmanager
def outside() -> Iterator[Receiver]:
    """A server of images and a receiver of webhooks."""

    def script(asked: Asked, send: Send) -> None:
        found = asked.path.startswith("/hush-image-path")
        send(answer(200, PHOTO) if found else answer(404 if asked.method == "GET" else 204))

    with receiving(script) as receiver:
        yield receiver


def told(up: Up, folder: Path) -> Story:
    """Let everything happen."""
    story = Story(up, up.ready())
    story.key(story.stack.key)
    ours = read_secrets(up.folder)
    story.hush("redis", ours.redis_password)
    story.hush("s3", ours.s3_secret_access_key, ours.s3_signing_key)
    story.hush("s3 id", ours.s3_access_key_id)
    story.hush("image", INLINE[200:260], *IMAGE_TOKENS)
    story.hush("hook url", *HOOK_TOKENS)
    story.hush("key", NOBODYS.split("_", 2)[2], *NO_KEYS)
    (folder / "photo.png").write_bytes(PHOTO)
    headers = {"Authorization": f"Bearer {story.stack.key}"}
    with outside() as world, httpx.Client(base_url=story.stack.url, headers=headers, timeout=60) as client:
        _keys(story, client)
        _webhooks(story, client, world)
        _jobs(story, client, world)
        _refusals(story, client, world)
        _crashes(story, client)
        _commands(story, folder)
        up.wait_for(
            lambda: len({json.loads(asked.body)["type"] for asked in world.asked if asked.method == "POST"}) == 2
        )
        story.received += [asked for asked in world.asked if asked.method == "POST"]
    return story


def _keys(story: Story, client: httpx.Client) -> None:
    own = {"IMPASTO_REDIS_URL": story.stack.redis_url}
    for key_id in ("rotated", "revoked"):
        made = story.key(story.run("keys", "create", key_id, show=True, own=own).stdout.strip())
        if key_id == "rotated":
            story.key(story.run("keys", "rotate", made.split("_")[1], show=True, own=own).stdout.strip())
        else:
            story.run("keys", "revoke", made.split("_")[1], own=own)
            story.asked(client, "GET", "/v1/jobs", headers={"Authorization": f"Bearer {made}"})
    made_id = story.asked(client, "POST", "/v1/keys", json={"name": "shop"}, show=True)["id"]
    story.asked(client, "POST", f"/v1/keys/{made_id}/rotate", show=True)
    story.hush("key", *(found for text in story.shown for found in re.findall(r"imp_[0-9a-f]{12}_([\w-]{43})", text)))
    story.asked(client, "GET", "/v1/keys")
    for refused in (f"Bearer {NOBODYS}", f"Bearer {NO_KEYS[0]}", f"Basic {NO_KEYS[1]}"):
        story.asked(client, "GET", "/v1/jobs", headers={"Authorization": refused})


def _webhooks(story: Story, client: httpx.Client, world: Receiver) -> None:
    url = f"{world.url}/{HOOK_TOKENS[0]}?t={HOOK_TOKENS[1]}"
    wish = {"url": url, "events": ["job.succeeded", "job.failed"]}
    made = story.asked(client, "POST", "/v1/webhooks", json=wish, show=True)
    story.asked(client, "POST", f"/v1/webhooks/{made['id']}/rotate", show=True)
    story.asked(client, "GET", "/v1/webhooks/default-secret", show=True)
    story.asked(client, "POST", "/v1/webhooks/default-secret/rotate", show=True)
    story.hush("whsec", *(found for text in story.shown for found in re.findall(r"whsec_([\w+/=]+)", text)))
    story.asked(client, "GET", "/v1/webhooks")


def _spec(world: Receiver, **wish: Any) -> dict[str, Any]:
    hook = f"{world.url}/{HOOK_TOKENS[0]}?t={HOOK_TOKENS[1]}"
    image = f"{world.url}/{IMAGE_TOKENS[0]}?t={IMAGE_TOKENS[1]}"
    styles = [{"image": {"url": image}}]
    return {"kind": "transfer", "content": {"data": INLINE}, "styles": styles, "webhook": {"url": hook}, **TINY, **wish}


def _jobs(story: Story, client: httpx.Client, world: Receiver) -> None:
    """One that succeeds, one that is out of time; and a direct upload."""
    long = {"options": {"size": 256, "iterations": 2000}, "run_timeout_s": 1, "attempts_max": 1}
    for wish, status in ((long, "failed"), (TINY, "succeeded")):  # no pace is known yet that would refuse the first
        path = f"/v1/jobs/{story.asked(client, 'POST', '/v1/jobs', json=_spec(world, **wish))['id']}"
        story.asked(client, "GET", f"{path}/events")  # until it is over
        assert story.asked(client, "GET", path)["status"] == status
        for what in ("result", "preview", "timelapse"):
            story.asked(client, "GET", f"{path}/{what}")
    for path in ("/v1/jobs", "/v1/webhooks/deliveries", "/openapi.json", "/readyz"):
        story.asked(client, "GET", path)
    wish = {"bytes": 10, "sha256": 64 * "0", "content_type": "image/png"}
    place = story.asked(client, "POST", "/v1/uploads", json=wish)["upload"]
    for url in (place["url"], place["url"] + "0"):
        httpx.put(url, content=b"not those.", headers=place["headers"])


def _refusals(story: Story, client: httpx.Client, world: Receiver) -> None:
    """Secrets in fields that are wrong, and URLs of all the ways in which a URL is no good."""
    image, absent, user, password = IMAGE_TOKENS[0], *IMAGE_TOKENS[2:]
    for url in (
        f"{world.url}/{absent}?t={IMAGE_TOKENS[1]}",
        f"https://{user}:{password}@pictures.example/{image}",
        f"http://127.0.0.1:1/{image}?t={IMAGE_TOKENS[1]}",
        f"https://no-such-host.invalid/{image}",
        f"ftp://127.0.0.1/{image}",
        f"https://[::1/{image}",
    ):
        story.asked(client, "POST", "/v1/uploads", json={"url": url})
        story.asked(client, "POST", "/v1/jobs", json=_spec(world, content={"url": url}))
        if "//127" not in url:  # there webhooks may go
            story.asked(client, "POST", "/v1/webhooks", json={"url": url, "events": ["job.failed"]})
    for wrong in (
        {"kind": image},
        {"content": {"url": f"https://a.example/{image}", "data": INLINE}},
        {"content": {"data": INLINE[:-3]}},
        {"webhook": {"url": f"https://{user}:{password}@a.example", "events": [image]}},
        {"options": {"size": image, "style_distance": absent}},
    ):
        story.asked(client, "POST", "/v1/jobs", json=_spec(world, **wrong))


def _crashes(story: Story, client: httpx.Client) -> None:
    """Records that can't be read, whose errors quote what they hold: a key, a URL with a password, a signature."""
    url = f"https://{IMAGE_TOKENS[3]}:{IMAGE_TOKENS[4]}@a.example/?X-Amz-Signature={next(iter(story.secrets['signature']))}"
    upload = story.asked(client, "POST", "/v1/uploads", json={"data": INLINE})["id"]
    with redis_driver.Redis.from_url(story.stack.redis_url) as redis:
        for damage in (story.stack.key, NOBODYS, url):
            redis.hset(f"impasto:upload:default:{upload}", "width", damage)
            last = {"Connection": "close"}  # the server hangs up after a crash
            assert story.asked(client, "GET", f"/v1/uploads/{upload}", headers=last)["status"] == 500
        redis.delete(f"impasto:upload:default:{upload}")


def _commands(story: Story, folder: Path) -> None:
    photo = folder / "photo.png"
    data, own = ("--data", story.up.data), {"IMPASTO_REDIS_URL": story.stack.redis_url}
    story.run("doctor", *data)
    story.run("doctor", *data, "--json")
    story.run("keys", "list", own=own)
    story.run("keys", "list", "--json", own=own)
    story.run("openapi")
    paint = ("submit", photo, photo, "-o", folder / "out.png", "--size", "64", "--iterations", "2")
    for arguments in ((), ("--json",), ("-O", f"siez={IMAGE_TOKENS[0]}")):
        story.run(*paint, *arguments, *data)
    away = "http://127.0.0.1:1"
    for key, url in ((NOBODYS, story.stack.url), (NO_KEYS[0], story.stack.url), (story.stack.key, away)):
        story.run(*paint, own={"IMPASTO_URL": url, "IMPASTO_KEY": key})
    for wrong in (
        f"redis://:{IMAGE_TOKENS[4]}@127.0.0.1:1/0",
        f"redis://:{IMAGE_TOKENS[4]}/@h",
        f"x://{IMAGE_TOKENS[4]}",
    ):
        story.run("keys", "list", own={"IMPASTO_REDIS_URL": wrong})
        story.run("doctor", own={"IMPASTO_REDIS_URL": wrong})
    story.run("worker", own={"IMPASTO_REDIS_URL": wrong})


def kept(story: Story) -> Mapping[str, str]:
    """Give everything that Redis keeps, by key."""
    with redis_driver.Redis.from_url(story.stack.redis_url, decode_responses=True) as redis:
        read = {
            "string": redis.get,
            "hash": redis.hgetall,
            "set": redis.smembers,
            "list": lambda key: redis.lrange(key, 0, -1),
            "zset": lambda key: redis.zrange(key, 0, -1),
            "stream": redis.xrange,
        }
        return {key: f"{key} {read[redis.type(key)](key)}" for key in redis.scan_iter("*")}
