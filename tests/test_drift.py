"""What drift compares: a sample of the whole window, in constant memory, and how often values are missing."""

from pathlib import Path

from conftest import UNTOUCHED, Render, run

SAMPLE = """
import resource
from pathlib import Path
from customer_model.engineroom import contract
from customer_model.engineroom.monitoring.window import file_columns
known = contract.load()
for rows in (60_000, 240_000):
    with Path({file!r}).open("w") as file:
        file.write("account_status,tenure_months\\n")
        file.writelines(f"{{'closed' if row % 3 == 0 else 'active'}},{{row}}\\n" for row in range(rows))
    drawn = file_columns(Path({file!r}), known, 5_000)
    months = drawn["tenure_months"]
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert len(set(months)) == 5_000 and not any(month % 3 == 0 for month in months), "closed ones are out of scope"
    assert min(months) < rows / 100 and max(months) > rows * 0.99 and abs(sum(months) / 5_000 / rows - 0.5) < 0.02
    assert len(drawn["region"]) == 5_000 and set(drawn["region"]) == {{None}}
assert drawn == file_columns(Path({file!r}), known, 5_000), "the same draw each time"
"""
CHANCE = """
import numpy, pandas
from customer_model.engineroom.monitoring.drifting import gaps_moved
generator = numpy.random.default_rng(0)
def part(rows, share): return pandas.Series(numpy.where(generator.random(rows) < share, numpy.nan, 1.0))
def moved(rows, before, now): return gaps_moved(part(5_000, before), part(rows, now))
for rows in (60, 200, 5_000):
    for share in (0.0, 0.02, 0.2, 0.5):
        alarms = sum(moved(rows, share, share) for _ in range(120))
        print(rows, share, alarms)
        assert alarms <= 1, "in 120 pairs, when 1 in 1,000 is a chance alarm at most"
for before, now in ((0.02, 0.2), (0.2, 0.02), (0.0, 0.1), (0.4, 0.6)):
    assert all(moved(300, before, now) for _ in range(20)), (before, now)
"""


def test_a_file_is_sampled_from_end_to_end_in_constant_memory(render: Render, tmp_path: Path) -> None:
    program = SAMPLE.format(file=str(tmp_path / "window.csv"))
    small, large = map(int, run(render(), "python", "-c", program, **UNTOUCHED).stdout.split())
    assert large < 1.3 * small


def test_gaps_alarm_by_chance_no_more_often_than_once_in_a_thousand(render: Render) -> None:
    run(render(), "python", "-c", CHANCE, **UNTOUCHED)
