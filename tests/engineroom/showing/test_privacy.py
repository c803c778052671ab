"""Only what at least five have is shown, and no number that is somebody's."""

import pytest
from engineroom.showing import FEW, round_between, shared


def test_a_value_is_shared_by_owners_not_by_records() -> None:
    one_owner = [("mine", "ann")] * 100
    few = [("rare", owner) for owner in range(FEW - 1)]
    enough = [("usual", owner) for owner in range(FEW)]
    assert shared([*one_owner, *few, *enough]) == {"usual": FEW}


@pytest.mark.parametrize(
    ("low", "value", "high", "whole", "rounded"),
    [
        (1200, 1234.56, 1300, False, 1200),
        (1230, 1234.56, 1240, False, 1230),
        (0.011, 0.0123, 0.0129, False, 0.012),
        (1233, 1234, 1235, True, 1234),
        (0, 0, 0, False, 0),
    ],
)
def test_a_number_has_the_fewest_digits_between_its_neighbours(
    low: float, value: float, high: float, whole: bool, rounded: float
) -> None:
    assert round_between(low, value, high, whole) == rounded
