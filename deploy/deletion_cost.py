"""Tells Kubernetes which workers paint, so that those which rest are the first to go when there are to be fewer.

    python /opt/impasto/deletion_cost.py

It runs beside a worker, in the same pod, and needs nothing but Python. Of two pods, the one whose annotation
`controller.kubernetes.io/pod-deletion-cost` is lower goes first: 1 is that of a worker that paints, 0 that of one that
has rested for a while. Kubernetes asks for this not to be changed often, so nothing is said of the moments between two
jobs. Nothing depends on it: a worker that goes while it paints hands its job over.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import ssl
import time
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from threading import Event

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
PAINTS, RESTS = 1, 0
PATIENCE_S = 4.0
_BUSY = re.compile(r"^impasto_busy(?:\{[^}]*\})? ([0-9.]+)$", re.MULTILINE)


class Refused(Exception):
    """Kubernetes has answered, and not done it."""


@dataclass(frozen=True, slots=True)
class Pod:
    """Our own pod, as Kubernetes knows it.

    Attributes:
        name: of the pod.
        host, port: of the API server.
        account: the folder with a service account's `token`, `namespace` and `ca.crt`.
    """

    name: str
    host: str
    port: int
    account: Path

    def annotate(self, cost: int) -> None:
        """Say what it would cost to delete it.

        Raises:
            OSError, HTTPException: nobody could be told.
            Refused: the server did not accept it.
        """
        token = (self.account / "token").read_text().strip()  # each time anew, as it is renewed every hour
        namespace = (self.account / "namespace").read_text().strip()
        trusted = ssl.create_default_context(cafile=self.account / "ca.crt")
        with closing(HTTPSConnection(self.host, self.port, timeout=PATIENCE_S, context=trusted)) as server:
            server.request(
                "PATCH",
                f"/api/v1/namespaces/{namespace}/pods/{self.name}",
                json.dumps({"metadata": {"annotations": {ANNOTATION: str(cost)}}}),
                {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"},
            )
            answer = server.getresponse()
            if answer.status != HTTPStatus.OK:
                raise Refused(f"The API server answered {answer.status} {answer.reason}.")


def paints(port: int) -> bool | None:
    """Ask the worker whether it has a job; None when it doesn't say, as while it starts."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as worker:
        try:
            worker.request("GET", "/metrics")
            answer = worker.getresponse()
            said = _BUSY.findall(answer.read().decode(errors="replace")) if answer.status == HTTPStatus.OK else []
        except (OSError, HTTPException):
            return None
    return any(float(value) > 0 for value in said) if said else None


def follow(pod: Pod, watch_port: int, stop: Event, *, every_s: float, rest_s: float) -> None:
    """Keep the pod's cost what it should be, until `stop` is set. What can't be told now is told at the next look.

    Args:
        pod: whose cost it is.
        watch_port: where its worker shows its metrics.
        stop: ends it.
        every_s: seconds between two looks.
        rest_s: seconds without a job after which the worker counts as one that rests.
    """
    told: int | None = None
    trouble = ""
    painted = time.monotonic()
    while not stop.wait(every_s):
        painting, now = paints(watch_port), time.monotonic()
        painted = now if painting else painted
        cost = PAINTS if painting else RESTS if painting is False and now - painted >= rest_s else told
        if cost is None or cost == told:
            continue
        before, trouble = trouble, _trouble_with_telling(pod, cost)
        if not trouble:
            told = cost
            _say("deletion_cost", cost=cost)
        elif trouble != before:
            _say("deletion_cost_not_told", detail=trouble)


def _trouble_with_telling(pod: Pod, cost: int) -> str:
    try:
        pod.annotate(cost)
    except (OSError, HTTPException, Refused) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _say(event: str, **facts: object) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


def main() -> None:
    """Follow the worker of this pod until SIGTERM."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--every", type=float, default=5.0, metavar="S", help="between two looks at the worker")
    options.add_argument("--rest", type=float, default=30.0, metavar="S", help="without a job, after which it rests")
    options.add_argument("--account", type=Path, default=Path("/var/run/secrets/kubernetes.io/serviceaccount"))
    given, known = options.parse_args(), os.environ
    server = known["KUBERNETES_SERVICE_HOST"], int(known["KUBERNETES_SERVICE_PORT"])
    pod = Pod(known["POD_NAME"], *server, given.account)
    follow(pod, int(known["IMPASTO_WATCH_PORT"]), stop, every_s=given.every, rest_s=given.rest)


if __name__ == "__main__":
    main()
