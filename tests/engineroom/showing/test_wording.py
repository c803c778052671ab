"""Numbers as people read them, and texts that nothing takes for markup."""

import pytest
from engineroom.showing import as_markdown, harmless, number, of_100, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345.6, "12,300"), (0.087543, "0.0875"), (4523, "4,523"), (None, "—"), (1e-7, "about 0"), (-0.5, "-0.500")],
)
def test_a_number_has_three_significant_digits_unless_it_is_whole(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("share", "text"), [(0.16858, "16.9%"), (1, "100%"), (None, "—"), (25, "2,500%")])
def test_a_share_is_a_per_cent(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_an_interval_is_a_count_of_100() -> None:
    assert of_100({"value": 0.531, "low": 0.47, "high": 0.588}) == "about 53 (95% interval 47 to 59)"


def test_markdown_is_text() -> None:
    assert as_markdown("a_b _c_ *d*\n<e> [f](g)") == r"a_b \_c\_ \*d\* \<e\> \[f\](g)"


def test_markup_loses_its_signs_and_texts_stay_different() -> None:
    shown = harmless(["<b>", "＜b＞", "a" * 200, "a" * 201, "x\u202ey", "plain"])
    assert len(set(shown.values())) == 6
    assert shown["plain"] == "plain" and not set("".join(shown.values())) & set("<>&\"'`\\$[]{}\u202e")
