"""The typed Python client: httpx, pydantic and the wire shapes, nothing else. Used by the command line and by others.

`Client` and `AsyncClient` share a core that does no I/O:

    calls.py  kept.py        what is asked, of jobs and of all else;  asking.py  what these share
    following.py             what takes several requests, in which order: generators of steps
    patience.py              when a request is sent again
    events.py  answers.py    what comes back, as typed values;  webhooks.py  what comes by itself
    steps.py                 the words between the core and those who take its steps
    sync.py  asynchronous.py take the steps, over httpx;  transport.py  what both share
    resources.py  asynchronous_resources.py   their uploads, styles, webhooks and keys
"""

from __future__ import annotations

from api.client.answers import BatchItem, Delivery, Job, JobPage, Key, NewKey, Upload, WebhookWithSecret
from api.client.asynchronous import AsyncClient
from api.client.errors import ApiProblem, DownloadDamaged, JobFailed, Unreachable, WebhookInvalid
from api.client.events import EndEvent, JobEvent, LogEvent, OtherEvent, PreviewEvent, ProgressEvent, StateEvent
from api.client.patience import Patience
from api.client.sync import Client
from api.client.webhooks import WebhookEvent, verify_webhook

__all__ = [
    "ApiProblem",
    "AsyncClient",
    "BatchItem",
    "Client",
    "Delivery",
    "DownloadDamaged",
    "EndEvent",
    "Job",
    "JobEvent",
    "JobFailed",
    "JobPage",
    "Key",
    "LogEvent",
    "NewKey",
    "OtherEvent",
    "Patience",
    "PreviewEvent",
    "ProgressEvent",
    "StateEvent",
    "Unreachable",
    "Upload",
    "WebhookEvent",
    "WebhookInvalid",
    "WebhookWithSecret",
    "verify_webhook",
]
