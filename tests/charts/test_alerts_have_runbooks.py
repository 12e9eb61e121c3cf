"""Every alert leads to a section that says what to do, and every section to an alert."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.helm import CHART, template

ROOT = Path(__file__).parents[2]
RUNBOOKS = (ROOT / "docs/runbooks.md").read_text()
EVERYTHING = CHART / "ci" / "httproute-values.yaml"


def alerts() -> list[dict[str, Any]]:
    found = yaml.safe_load((CHART / "files/alerts.yaml").read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    sections = re.findall(r"^## (.+)$", RUNBOOKS, flags=re.MULTILINE)
    assert sections == [one["alert"] for one in alerts()]


def test_every_section_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    for section in RUNBOOKS.split("\n## ")[1:]:
        for part in ("**Meaning.** ", "**Look at.** ", "**Do.** "):
            assert section.count(part) == 1, section.splitlines()[0]


def test_every_alert_says_how_bad_it_is_and_what_happens() -> None:
    for one in alerts():
        assert one["labels"]["severity"] in {"critical", "warning"}, one["alert"]
        assert one["summary"].endswith("."), one["alert"]


@pytest.mark.process
def test_the_rendered_rules_link_to_the_sections() -> None:
    (rules,) = (
        one for one in template(CHART, "--values", EVERYTHING) if one["kind"] == "PrometheusRule"
    )
    rendered = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
    assert [one["expr"] for one in rendered] == [one["expr"] for one in alerts()]
    anchors = {f"#{one['alert'].lower()}" for one in alerts()}
    assert {one["annotations"]["runbook_url"].partition("runbooks.md")[2] for one in rendered} == (
        anchors
    )


@pytest.mark.process
def test_the_rendered_dashboard_is_the_file() -> None:
    (found,) = (
        one
        for one in template(CHART, "--values", EVERYTHING)
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "konstruct-dashboards"
    )
    file = CHART / "files/dashboards/konstruct.json"
    assert json.loads(found["data"]["konstruct.json"]) == json.loads(file.read_text())
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_the_dashboards_panels_do_not_lie_on_each_other() -> None:
    panels = json.loads((CHART / "files/dashboards/konstruct.json").read_text())["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for one in panels:
        place = one["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, one["title"]
        assert not cells & taken, one["title"]
        taken |= cells
