"""The committed page names every metric of every program."""

from pathlib import Path

from support import metrics_page

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/metrics.md"


def test_the_committed_page_is_current() -> None:
    assert metrics_page.page() == PAGE.read_text(), "run `make generate`"


def test_every_metric_is_named_as_ours_and_explained() -> None:
    for program, registry in metrics_page.registries().items():
        families = list(registry.collect())
        assert families, program
        for family in families:
            assert family.name.startswith("konstruct_"), family.name
            assert family.documentation, family.name
