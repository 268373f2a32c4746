"""Rules and dashboards ask for what there is, all that is measured is looked at, and every alert leads somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple, cast

import promql_parser
import pytest
import yaml

from service.backlog import BacklogCollector
from service.errors import ImpastoError
from service.job import JobState
from service.metrics import Metrics
from service.pace import Device
from service.wiring import Services, open_services
from tests.servers import Servers

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BOARDS = {file.stem: json.loads(file.read_text()) for file in sorted((DEPLOY / "grafana/dashboards").glob("*.json"))}
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
SHOWN = [(name, panel) for name, panel in PANELS if panel["type"] != "row"]


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


RULES = [rule for group in read("deploy/prometheus/rules/impasto.yml")["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}


# What there is


def of_processes() -> Iterator[tuple[str, set[str]]]:
    """Give each series that a process exposes, with its labels, also where nothing has been counted yet."""
    endings: dict[str, dict[str, set[str]]] = {
        "counter": {"_total": set()},
        "gauge": {"": set()},
        "histogram": {"_bucket": {"le"}, "_count": set(), "_sum": set()},
    }
    for metric in Metrics().registry._collector_to_names:
        [described] = metric.describe()  # type: ignore[attr-defined]  # all of them are the library's own
        for ending, more in endings[described.type].items():
            yield described.name + ending, {*cast(Any, metric)._labelnames, *more}


def of_the_service(services: Services) -> Iterator[tuple[str, set[str]]]:
    """Give each series that a keeper reads from Redis, with its labels."""
    services.presence.beat("worker", "w", Device("cpu", 1))
    limit = services._redis.config_get("maxmemory")["maxmemory"]
    services._redis.config_set("maxmemory", "1gb")
    try:
        families = list(BacklogCollector(services).collect())
    finally:
        services._redis.config_set("maxmemory", limit)
    for family in families:
        for sample in family.samples:
            yield sample.name, set(sample.labels)


@pytest.fixture(scope="module")
def known(servers: Servers) -> dict[str, set[str]]:
    """Every series, with its labels."""
    own = servers.settings.model_copy(update={"redis_prefix": "observed:"})
    with open_services(own) as services:
        return dict([*of_processes(), *of_the_service(services)]) | PROMETHEUS


PROMETHEUS: dict[str, set[str]] = {"up": set()} | {name: set() for name in RECORDED}
SCRAPED = {"job", "instance"}
"""Labels that Prometheus gives to every series."""


def codes(kind: type[ImpastoError] = ImpastoError) -> set[str]:
    return {kind.code}.union(*(codes(each) for each in kind.__subclasses__()))


VALUES = {
    "code": codes(),
    "from": {"", *JobState},
    "job": {"impasto-api", "impasto-worker", "impasto-keeper"},
    "method": {"GET", "POST", "PUT", "DELETE"},
    "outcome": codes() | {"succeeded", "delivered", "retried", "failed"},
    "route": set(json.loads((ROOT / "docs/openapi.json").read_text())["paths"]),
    "state": set(JobState),
    "status": {"held"} | {str(status.value) for status in HTTPStatus},
    "to": set(JobState),
    "what": {"jobs", "tidy"},
}


# What is asked for


class Asked(NamedTuple):
    where: str
    tree: Any


def asked() -> Iterator[Asked]:
    """Give every expression, read by a parser; where it can't be read, no test begins."""
    for rule in RULES:
        yield Asked(rule.get("alert") or rule["record"], promql_parser.parse(rule["expr"]))
    for name, board in BOARDS.items():
        for note in board["annotations"]["list"]:
            yield Asked(f"{name}: {note['name']}", promql_parser.parse(note["target"]["expr"]))
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                [(series, label)] = re.findall(r"^label_values\((.+), (\w+)\)$", variable["query"]["query"])
                yield Asked(f"{name}: ${variable['name']}", promql_parser.parse(f"count by ({label}) ({series})"))
    for name, panel in SHOWN:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "5m")
            yield Asked(f"{name}: {panel['title']} {target['refId']}", promql_parser.parse(expression))


EVERY = list(asked())
each_expression = pytest.mark.parametrize("tree", [one.tree for one in EVERY], ids=[one.where for one in EVERY])


def nodes(tree: Any) -> Iterator[Any]:
    yield tree
    parts = [getattr(tree, name, None) for name in ("expr", "lhs", "rhs", "vector_selector")]
    for part in (*parts, *getattr(tree, "args", ())):
        if part is not None:
            yield from nodes(part)


def selectors(tree: Any) -> list[Any]:
    return [node for node in nodes(tree) if isinstance(node, promql_parser.VectorSelector)]


def grouped(node: Any) -> set[str]:
    """Give the labels of a by, an on or an ignoring."""
    modifier = getattr(node, "modifier", None)
    found = getattr(modifier, "matching", modifier)
    return set(found.labels) if found is not None else set()


def labels_of(tree: Any, known: dict[str, set[str]]) -> set[str]:
    """Give the labels of all series that an expression names."""
    return set().union(*(known[selector.name] | SCRAPED for selector in selectors(tree)))


@each_expression
def test_it_asks_for_metrics_and_labels_that_there_are(tree: Any, known: dict[str, set[str]]) -> None:
    assert selectors(tree)
    assert {selector.name for selector in selectors(tree)} <= set(known)
    for selector in selectors(tree):
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels_of(selector, known)
    for node in nodes(tree):
        assert grouped(node) <= labels_of(node, known)


@each_expression
def test_it_asks_for_values_that_there_are(tree: Any) -> None:
    for selector in selectors(tree):
        for matcher in selector.matchers.matchers:
            if matcher.name not in VALUES:
                assert (matcher.name, matcher.value) == ("instance", "$instance")
                continue
            exact = str(matcher.op) in {"MatchOp.Equal", "MatchOp.NotEqual"}
            patterns = [re.escape(matcher.value)] if exact else matcher.value.split("|")
            missed = [p for p in patterns if not any(re.fullmatch(p, value) for value in VALUES[matcher.name])]
            assert missed == []


def test_everything_that_is_measured_is_looked_at(known: dict[str, set[str]]) -> None:
    seen = {selector.name for one in EVERY for selector in selectors(one.tree)}
    family = re.compile(r"_(bucket|count|sum)$")
    assert {family.sub("", name) for name in known} - {family.sub("", name) for name in seen} == set()
    assert seen >= RECORDED


# Alerts


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_what_is_the_matter_and_where_to_read_on(
    alert: dict[str, Any], known: dict[str, set[str]]
) -> None:
    assert re.fullmatch(r"\d+m", alert["for"])
    assert alert["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert re.search(r"\$value|\d", notes["description"])
    named = set(re.findall(r"\$labels\.(\w+)", notes["description"]))
    assert named <= labels_of(promql_parser.parse(alert["expr"]), known)
    file, _, anchor = notes["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (\w+)$", (ROOT / file).read_text(), re.MULTILINE)
    assert anchor == alert["alert"].lower()
    assert alert["alert"] in headings


def test_every_alert_has_a_name_of_its_own_and_is_made_to_fire_by_a_test_of_the_rules() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert len(names) == len(set(names))
    made = set[str]()
    for test in read("deploy/prometheus/tests/impasto_test.yml")["tests"]:
        samples = [sample for one in test.get("promql_expr_test", []) for sample in one["exp_samples"]]
        made |= {name for sample in samples for name in re.findall(r'alertname="(\w+)"', sample["labels"])}
        made |= {one["alertname"] for one in test.get("alert_rule_test", []) if one["exp_alerts"]}
    assert set(names) == made


# Where Prometheus and Grafana find things


def test_prometheus_asks_the_containers_at_the_port_where_they_answer() -> None:
    config, compose = read("deploy/prometheus/prometheus.yml"), read("docker-compose.yml")["services"]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    for role in ("api", "worker", "keeper"):
        [found] = jobs[f"impasto-{role}"]["dns_sd_configs"]
        port = int(compose[role]["environment"]["IMPASTO_WATCH_PORT"])
        assert (found["names"], found["type"], found["port"]) == ([role], "A", port)
    for pattern in config["rule_files"]:
        assert list((DEPLOY / "prometheus").glob(pattern))
    assert config["global"]["scrape_interval"] == "15s"


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    [source] = read("deploy/grafana/provisioning/datasources/prometheus.yml")["datasources"]
    [provider] = read("deploy/grafana/provisioning/dashboards/impasto.yml")["providers"]
    compose = read("docker-compose.yml")["services"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose
    assert source["jsonData"]["timeInterval"] == read("deploy/prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in compose["grafana"]["volumes"]


# Dashboards


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_has_panels_that_lie_side_by_side_and_differ_in_name(board: dict[str, Any]) -> None:
    panels, titles = board["panels"], [panel["title"] for panel in board["panels"]]
    assert board["schemaVersion"] >= 39
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    assert len(titles) == len(set(titles))
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_uses_the_variables_that_it_has_and_no_others(board: dict[str, Any]) -> None:
    has = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(board)))
    assert used == has


@pytest.mark.parametrize("panel", [panel for _, panel in SHOWN], ids=[f"{name}: {p['title']}" for name, p in SHOWN])
def test_a_panel_says_what_it_shows_in_which_unit_and_what_each_line_is(
    panel: dict[str, Any], known: dict[str, set[str]]
) -> None:
    assert panel["type"] in {"stat", "timeseries", "state-timeline"}
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in {"short", "s", "bytes", "percentunit", "reqps", "cps", "cpm"}
    refs = [target["refId"] for target in panel["targets"]]
    assert len(refs) == len(set(refs))
    assert panel["type"] == "stat" or all(target["legendFormat"] for target in panel["targets"])
    for target in panel["targets"]:
        tree = promql_parser.parse(target["expr"].replace("$__rate_interval", "5m"))
        named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert named <= labels_of(tree, known)
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    bounds = [step["value"] for step in steps]
    assert bounds[:1] in ([], [None])
    assert all(low < high for low, high in pairwise(bounds[1:]))
