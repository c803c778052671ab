"""A room's names are found when they are asked for, and only those."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from engineroom.lazy import lazily

LOADED = "import sys; import engineroom.{}; print(*sys.modules)"
MACHINERY = Path(__file__).parents[2] / "template/src/{{ package_name }}"


@pytest.mark.parametrize("room", ["contract", "encoding", "serving.log", "showing"])
def test_a_room_loads_nothing_before_it_is_used(room: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(room)],
        env={"PYTHONPATH": str(MACHINERY), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = [name for name in done.stdout.split() if name.startswith("engineroom.")]
    assert set(loaded) <= {f"engineroom.{room}", "engineroom.serving", "engineroom.lazy"}
    assert not {"pydantic", "sqlalchemy", "yaml"} & set(done.stdout.split())


def test_a_name_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    room, module = ModuleType("room"), ModuleType("room.inside")
    module.thing = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "room", room)
    monkeypatch.setitem(sys.modules, "room.inside", module)
    found = lazily("room", inside=["thing"])("thing")
    assert found is module.__dict__["thing"] is room.__dict__["thing"]


def test_an_unknown_name_is_an_attribute_error_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'room' has no attribute 'other'"):
        lazily("room", inside=["thing"])("other")
