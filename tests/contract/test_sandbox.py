"""Where strangers' images are decoded: what a child may not do, and what becomes of one that does not end well."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from service.checks.decoding import look_at_decoding
from service.errors import IngestUnavailable, InvalidImage
from service.ingest import ImageLimits
from service.pictures import decode_stored
from service.sandbox import kept
from service.sandbox.kept import Sandbox
from service.settings import Settings
from tests.api_calls import assert_problem
from tests.hostile_files import endless_scans
from tests.images import gradient, photograph_bytes
from tests.served import served

LIMITS = ImageLimits(pixels=40_000_000, side=16_384, aspect=16)

ATTEMPTS = {
    "read a file": "open('/etc/hostname').read()",
    "write a file": "open('/tmp/impasto-was-here', 'w')",
    "list a folder": "os.listdir('/')",
    "read another process's settings": f"open('/proc/{os.getpid()}/environ', 'rb').read()",
    "run a program": "os.execv('/bin/true', ['true'])",
    "connect to a machine": "socket.create_connection(('127.0.0.1', 22), timeout=2)",
    "listen": "socket.socket().bind(('127.0.0.1', 0))",
    "end another process": "os.kill(os.getppid(), 0)",
}
PROGRAM = """
import os, socket
from service.sandbox.confinement import confine
print(confine())
try:
    {attempt}
except (PermissionError, OSError) as error:
    print("refused")
else:
    print("done")
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no Landlock")


@contextmanager
def sandbox(**settings: Any) -> Iterator[Sandbox]:
    with closing(Sandbox(Settings.model_validate(settings))) as opened:
        yield opened


def nursery_of(opened: Sandbox) -> psutil.Process:
    opened.confined()
    assert opened._nursery is not None
    return psutil.Process(opened._nursery._process.pid)


def large() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file := BytesIO(), "PNG", compress_level=0)
    return file.getvalue()


# What a child may not do


@linux
@pytest.mark.parametrize("what", ATTEMPTS)
def test_who_is_confined_can_no_longer(what: str) -> None:
    if what == "end another process" and tuple(map(int, platform.release().split(".")[:2])) < (6, 12):
        pytest.skip("this kernel's Landlock knows no signals")
    program = PROGRAM.format(attempt=ATTEMPTS[what])
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["Confined(files=True,", "network=True,", "privileges=True)", "refused"]


@linux
def test_nobody_who_decodes_is_told_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_REDIS_URL", "redis://:word@127.0.0.1/0")
    with sandbox() as opened:
        opened.ingest(photograph_bytes(), LIMITS)
        nursery = nursery_of(opened)
        with suppress(psutil.AccessDenied):  # whoever has no rights of root sees nothing at all
            assert not [name for name in nursery.environ() if name.startswith(("IMPASTO", "AWS"))]


# What it gives


def test_what_comes_out_is_the_picture() -> None:
    data = photograph_bytes(31, 17, "TIFF")
    with sandbox() as opened:
        taken = opened.ingest(data, LIMITS)
    assert np.array_equal(decode_stored(taken.png).pixels, gradient(31, 17))
    assert (taken.width, taken.height, taken.content_type, taken.bytes) == (31, 17, "image/tiff", len(data))


def test_many_threads_share_it_and_its_children_end() -> None:
    with sandbox(ingest_at_once=4) as opened:
        threads = [
            threading.Thread(target=opened.ingest, args=(photograph_bytes(30 + n, 40), LIMITS)) for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        nursery = nursery_of(opened)
        psutil.wait_procs(nursery.children(), timeout=10)
        assert nursery.children() == []
    assert not nursery.is_running()


# What becomes of one that does not end well


@pytest.mark.parametrize("short", [{"ingest_memory_bytes": 60 * 1024**2}, {"ingest_cpu_s": 0.02}], ids=str)
def test_an_image_that_takes_more_than_it_may_is_refused(short: dict[str, Any]) -> None:
    with sandbox(**short) as opened:
        with pytest.raises(InvalidImage, match=r"more memory or time than it may|damaged"):
            opened.ingest(large(), LIMITS)
        with suppress(InvalidImage):  # so little may not do for any image, but it is answered
            opened.ingest(photograph_bytes(8, 8), LIMITS)


def test_a_small_file_that_computes_for_ever_is_ended_by_the_kernel() -> None:
    data = endless_scans(2000)
    with sandbox(ingest_cpu_s=1.0) as opened:
        began = time.monotonic()
        with pytest.raises(InvalidImage, match="more memory or time than it may"):
            opened.ingest(data, LIMITS)
        assert time.monotonic() - began < kept.WALL_FACTOR + 1
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96


def test_a_nursery_that_was_killed_is_replaced() -> None:
    with sandbox() as opened:
        opened.ingest(photograph_bytes(), LIMITS)
        nursery = nursery_of(opened)
        nursery.kill()
        nursery.wait(timeout=10)
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96


def test_an_image_whose_nursery_is_killed_is_put_off_and_not_refused() -> None:
    with sandbox() as opened:
        nursery = nursery_of(opened)

        def kill_all() -> None:
            while not (children := nursery.children()):
                time.sleep(0.005)
            nursery.kill()
            for child in children:
                child.kill()

        killer = threading.Thread(target=kill_all)
        killer.start()
        with pytest.raises(IngestUnavailable):
            opened.ingest(endless_scans(2000), LIMITS)
        killer.join()
        assert opened.ingest(photograph_bytes(), LIMITS).width == 96


def test_ctrl_c_is_not_for_the_nursery() -> None:
    with sandbox() as opened:
        assert os.getpgid(nursery_of(opened).pid) != os.getpgid(0)


def test_a_nursery_ends_with_whoever_started_it() -> None:
    program = """if True:
        import os
        from service.settings import Settings
        from tests.contract.test_sandbox import LIMITS, Sandbox, nursery_of, photograph_bytes
        sandbox = Sandbox(Settings())
        sandbox.ingest(photograph_bytes(), LIMITS)
        print(nursery_of(sandbox).pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(said.stdout.split()[-1])).wait(timeout=10)


def test_where_no_process_can_be_had_images_are_put_off(
    settings: Settings, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with served(settings, key=key) as client:
        monkeypatch.setattr(sys, "executable", str(broken))
        answer = client.post("/v1/uploads", files={"file": photograph_bytes()})
        assert_problem(answer, 503, "ingest_unavailable")
        assert "retry-after" in answer.headers
        monkeypatch.undo()
        assert client.post("/v1/uploads", files={"file": photograph_bytes()}).status_code == 201


def test_who_waits_too_long_for_his_turn_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "TURN_S", 0.05)
    with sandbox(ingest_at_once=1) as opened, opened._turn(), pytest.raises(IngestUnavailable, match="no turn"):
        opened.ingest(photograph_bytes(8, 8), LIMITS)


PICTURE = photograph_bytes(8, 8)
HONEST = {"width": 8, "height": 8, "content_type": "image/png"}


@pytest.mark.parametrize(
    ("lie", "png"),
    [
        ({"width": 9}, PICTURE),
        ({"width": 2**40}, PICTURE),
        ({"width": "8"}, PICTURE),
        ({"height": None}, PICTURE),
        ({"content_type": "text/html"}, PICTURE),
        ({"content_type": 7}, PICTURE),
        ({}, b"<script>"),
        ({}, b""),
        ({}, photograph_bytes(9, 9)),
    ],
    ids=str,
)
def test_an_answer_that_no_child_gives_by_itself_is_not_believed(lie: dict[str, Any], png: bytes) -> None:
    with pytest.raises(IngestUnavailable):
        kept._believed({**HONEST, **lie}, png, LIMITS)


def test_an_honest_answer_is_believed() -> None:
    assert kept._believed(HONEST, PICTURE, LIMITS) == HONEST


# What the doctor says


@linux
def test_the_doctor_says_how_images_are_decoded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [found] = look_at_decoding(Settings())
    assert (found.name, found.verdict) == ("ingest", "ok")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    [found] = look_at_decoding(Settings())
    assert (found.name, found.verdict) == ("ingest", "wrong")
