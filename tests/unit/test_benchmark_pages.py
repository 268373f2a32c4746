"""What `make bench` makes of its measurements: curves read, lines judged, tables put into pages."""

from __future__ import annotations

import pytest

from tests.benchmarks.lines import Line, at_least, at_most, cells, markdown
from tests.benchmarks.publish import PAGE, placed, tables
from tests.benchmarks.quality import curve, gram_at, lines
from tests.benchmarks.race import lines as race_lines
from tests.benchmarks.results import Look, Measured, Race

LOOKS = [
    Look("pagoda", 256, "standard", 0.6, 0.2),
    Look("pagoda", 256, "content_weight 4", 0.4, 0.4),
    Look("pagoda", 256, "draft", 0.5, 0.9),
    Look("pagoda", 256, "a-pagoda-256", 0.5, 0.4),
    Look("pagoda", 512, "standard", 0.5, 0.8),
]


def test_a_curve_of_content_weights_is_read_between_two_of_them_and_not_beyond_its_ends() -> None:
    along = curve(LOOKS, "pagoda", 256)
    assert [look.key for look in along] == ["content_weight 4", "standard"]
    assert [gram_at(along, lpips) for lpips in (0.4, 0.45, 0.7)] == [0.4, pytest.approx(0.35), None]


def test_a_baselines_picture_is_compared_at_its_own_lpips() -> None:
    (line,) = lines(LOOKS, [])
    assert line.held
    assert line.ratio == pytest.approx(0.75)


def test_the_worst_race_decides_and_one_that_was_given_up_is_missed() -> None:
    good = Race("a-pagoda-256", {"256": 1.0}, 1000.0, 1.0, 50, [(0, 9.0), (50, 1.0)])
    bad = Race("a-dahlia-256", {"256": 1.0}, 1000.0, 1.0, None, [(0, 9.0), (300, 2.0)])
    (line,) = race_lines([good, bad], [good.name, bad.name])
    assert (line.measured, line.held) == ("< 3.3 ×", False)


def test_a_goal_without_a_kept_curve_is_neither_held_nor_missed() -> None:
    (line,) = race_lines([], ["b-pagoda-256"])
    assert line.held is None


def test_lines_say_which_way_their_goal_lies() -> None:
    assert cells(at_least("fast", 4, 5)) == ("fast", "≥ 4 ×", "5 ×", "1.25", "held")
    assert cells(at_most("slow", 1.1, 1.2)) == ("slow", "≤ 1.1 ×", "1.2 ×", "1.09", "**missed**")
    assert cells(Line("unknown", "≥ 1", "nothing", None))[3:] == ("", "not measured")


def test_a_table_takes_the_place_of_the_one_before() -> None:
    page = "above\n<!-- races -->\nold\n<!-- /races -->\nbelow\n"
    assert placed(page, "races", markdown(["a", "b"], [("1", "2")])) == (
        "above\n<!-- races -->\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n<!-- /races -->\nbelow\n"
    )


def test_the_page_has_a_place_for_each_table() -> None:
    page = PAGE.read_text()
    for name, table in tables(Measured()).items():
        assert table in placed(page, name, table)
