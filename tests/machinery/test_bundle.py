"""A bundle that is not exactly what training saved is refused in one sentence, and nothing that it holds is run."""

import json
import pickle
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from pydantic import TypeAdapter

from customer_model.engineroom.bundle import bundle as bundles
from customer_model.engineroom.bundle.bundle import (
    CONTRACT,
    ENCODER,
    FILES,
    FORMAT,
    MANIFEST,
    MAX_BYTES,
    MODEL,
    REFERENCE,
    SUMS,
    Bundle,
    BundleError,
)
from customer_model.engineroom.judging import AnyDecision
from customer_model.engineroom.scoring.predictor import Predictor

Fault = Callable[[Path], None]
DEEP = 200_000
RAN = "it-ran"  # a file that appears where something in a bundle is run


class Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(RAN),)


@pytest.fixture
def copy(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(project / "artifacts/bundle", tmp_path / "bundle"))


def write(name: str, content: bytes) -> Fault:
    return lambda path: void((path / name).write_bytes(content))


def void(_: Any) -> None:
    """For the faults that are one expression."""


def remove(name: str) -> Fault:
    return lambda path: (path / name).unlink()


def move(scores: list[float]) -> None:
    scores[0] += 0.01 * max(1.0, abs(scores[0]))


def cut(name: str, share: float) -> Fault:
    def fault(path: Path) -> None:
        content = (path / name).read_bytes()
        (path / name).write_bytes(content[: int(share * len(content))])

    return fault


def flip(name: str) -> Fault:
    def fault(path: Path) -> None:
        content = bytearray((path / name).read_bytes())
        content[len(content) // 2] ^= 1
        (path / name).write_bytes(content)

    return fault


def swap(one: str, other: str) -> Fault:
    def fault(path: Path) -> None:
        (path / one).rename(path / "kept")
        (path / other).rename(path / one)
        (path / "kept").rename(path / other)

    return fault


def lines(change: Callable[[list[str]], list[str]]) -> Fault:
    """Another list of digests."""

    def fault(path: Path) -> None:
        listed = (path / SUMS).read_text().splitlines(keepends=True)
        (path / SUMS).write_text("".join(change(listed)))

    return fault


def link(name: str) -> Fault:
    def fault(path: Path) -> None:
        (path / name).rename(path.parent / name)
        (path / name).symlink_to(path.parent / name)

    return fault


def folder(path: Path) -> None:
    (path / MODEL).rename(path / "kept")
    (path / MODEL).mkdir()


def huge(name: str) -> Fault:
    def fault(path: Path) -> None:
        with (path / name).open("ab") as file:
            file.truncate(MAX_BYTES + 1)  # a hole, which takes no room

    return fault


def edit(name: str, change: Callable[[dict[str, Any]], Any]) -> Fault:
    """Other JSON; `change` works on what it is given."""

    def fault(path: Path) -> None:
        content = json.loads((path / name).read_bytes())
        change(content)
        (path / name).write_text(json.dumps(content))

    return fault


def foreign_graph(path: Path, location: str = "") -> None:
    """A small graph of another width, or one whose weights lie in another file."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3, 2], np.ones(6, np.float32))
    if location:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("features", "y"))
    graph = helper.make_graph([helper.make_node("MatMul", ["features", "w"], ["y"])], "foreign", [x], [y], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (path / MODEL).write_bytes(made.SerializeToString())


def outside(path: Path) -> None:
    (path.parent / "weights").write_bytes(np.ones(6, np.float32).tobytes())
    foreign_graph(path, "../weights")


def other_output(path: Path) -> None:
    """The model itself, with one score too many."""
    model = onnx.load(path / MODEL)
    name = json.loads((path / MANIFEST).read_bytes())["output"]
    model.graph.node.append(helper.make_node("Concat", [name, name], ["wider"], axis=1))
    place = next(at for at, port in enumerate(model.graph.output) if port.name == name)
    model.graph.output[place].CopyFrom(helper.make_tensor_value_info("wider", TensorProto.FLOAT, None))
    onnx.save(model, path / MODEL)
    edit(MANIFEST, lambda manifest: manifest.update(output="wider"))(path)


def resign(path: Path) -> None:
    """What somebody does who knows how the list of digests is made."""
    sums = (f"{sha256((path / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES)
    (path / SUMS).write_text("".join(sums))


def forge(path: Path) -> None:
    """The same, and the model's version is made to match."""
    content = {name: (path / name).read_bytes() for name in FILES}
    manifest = json.loads(content[MANIFEST])
    decision = TypeAdapter[Any](AnyDecision).validate_python(manifest["decision"])
    manifest["model_version"] = bundles.version_of(content, decision)
    (path / MANIFEST).write_text(json.dumps(manifest))
    resign(path)


def decide(manifest: dict[str, Any], value: float) -> None:
    """Another number in the decision, by its kind."""
    decision = manifest["decision"]
    decision["half_width" if decision["kind"] == "continuous" else "threshold"] = value


def golden(**change: Any) -> Fault:
    return edit(MANIFEST, lambda manifest: manifest["golden"][0].update(change))


RUNS = pickle.dumps(Runs())
NESTED = b"[" * DEEP + b"]" * DEEP
ALTERED: dict[str, Fault] = {
    **{f"{name} cut short": cut(name, 0.7) for name in FILES},
    **{f"{name} emptied": cut(name, 0.0) for name in (*FILES, SUMS)},
    **{f"{name} with another bit": flip(name) for name in FILES},
    **{f"{name} missing": remove(name) for name in (*FILES, SUMS)},
    **{f"{name} huge": huge(name) for name in (MODEL, MANIFEST, SUMS)},
    **{f"{name} a link to elsewhere": link(name) for name in (MODEL, REFERENCE, SUMS)},
    "a folder for a file": folder,
    "files swapped": swap(ENCODER, MANIFEST),
    "a digest twice": lines(lambda found: [*found, found[0]]),
    "a digest for two": lines(lambda found: [found[0], *found[:-1]]),
    "digests in another order": lines(lambda found: found[::-1]),
    "a name that leads out": lines(lambda found: [found[0].replace(MODEL, "../model.onnx"), *found[1:]]),
    "an absolute name": lines(lambda found: [found[0].replace(MODEL, "/etc/passwd"), *found[1:]]),
    "digests that are no text": write(SUMS, b"\xff\xfe\x00" * 100),
}
RESIGNED: dict[str, Fault] = {
    "a foreign graph": foreign_graph,
    "another threshold": edit(MANIFEST, lambda manifest: decide(manifest, 0.123)),
    "another encoder": edit(ENCODER, lambda encoder: encoder.update(dropped={"a": "b"})),
    "another contract": lambda path: void((path / CONTRACT).open("a").write("# altered\n")),
    "another reference": write(REFERENCE, b"PAR1"),
    "a version of its own": edit(MANIFEST, lambda manifest: manifest.update(model_version="0" * 12)),
    "a newer format": edit(MANIFEST, lambda manifest: manifest.update(format=FORMAT + 1)),
    "no format": edit(MANIFEST, lambda manifest: manifest.pop("format")),
    "a manifest that is a list": write(MANIFEST, b"[]"),
    "a manifest nested deep": write(MANIFEST, NESTED),
    "a manifest not in UTF-8": write(MANIFEST, b'{"format": "\xff"}'),
    "a manifest that is a pickle": write(MANIFEST, RUNS),
    "wrong types": edit(MANIFEST, lambda manifest: manifest.update(inputs=1, golden={}, lineage=[1])),
    "a decision of no kind": edit(MANIFEST, lambda manifest: manifest["decision"].update(kind="oracle")),
    "an endless decision": edit(MANIFEST, lambda manifest: decide(manifest, float("nan"))),
}
FORGED: dict[str, Fault] = {
    "a foreign graph": foreign_graph,
    "a graph that is a pickle": write(MODEL, RUNS),
    "a graph of nothing": write(MODEL, b""),
    "a graph with weights elsewhere": lambda path: foreign_graph(path, "/etc/passwd"),
    "a graph with weights above": outside,
    "a graph with other scores": other_output,
    "an encoder that is a pickle": write(ENCODER, RUNS),
    "an encoder nested deep": write(ENCODER, NESTED),
    "an encoder not in UTF-8": write(ENCODER, b'{"\xff": 1}'),
    "an encoder of nothing": write(ENCODER, b"{}"),
    "a contract that is a pickle": write(CONTRACT, RUNS),
    "a contract that runs": write(CONTRACT, f"!!python/object/apply:pathlib.Path.touch [{RAN}]\n".encode()),
    "a contract nested deep": write(CONTRACT, NESTED),
    "a contract not in UTF-8": write(CONTRACT, b"\xff"),
    "a contract with another target": lambda path: void(
        (path / CONTRACT).write_text((path / CONTRACT).read_text().replace("goal:", "owner: nobody\n  goal:", 1))
    ),
    "golden scores that are no numbers": golden(scores=[float("nan")]),
    "other golden scores": edit(MANIFEST, lambda manifest: move(manifest["golden"][0]["scores"])),
    "too few golden scores": golden(scores=[]),
    "a golden record of something else": golden(record={"no such field": 1}),
    "no golden records": edit(MANIFEST, lambda manifest: manifest.update(golden=[])),
    "another output": edit(MANIFEST, lambda manifest: manifest.update(output="nothing")),
    "other inputs": edit(MANIFEST, lambda manifest: manifest.update(inputs=["nothing"])),
}


def refusal(path: Path) -> str:
    with pytest.raises(BundleError) as error:
        Predictor(Bundle.load(path))
    assert not Path(RAN).exists() and "\n" not in str(error.value)
    return str(error.value)


def test_the_bundle_itself_is_served(copy: Path) -> None:
    for sign in (resign, forge):
        sign(copy)
        assert Predictor(Bundle.load(copy)).examples


@pytest.mark.parametrize("fault", ALTERED)
def test_an_altered_bundle_is_refused_before_it_is_loaded(
    copy: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loader in ("session", "Encoder", "contracts", "from_json"):
        monkeypatch.delattr(bundles, loader)  # none of them is reached
    ALTERED[fault](copy)
    assert str(copy) in refusal(copy)


@pytest.mark.parametrize("fault", RESIGNED)
def test_a_bundle_with_other_digests_is_refused(copy: Path, fault: str) -> None:
    RESIGNED[fault](copy)
    resign(copy)
    assert str(copy) in refusal(copy)


@pytest.mark.parametrize("fault", FORGED)
def test_a_forged_bundle_is_refused_where_it_does_not_work(copy: Path, fault: str) -> None:
    FORGED[fault](copy)
    forge(copy)
    assert str(copy) in refusal(copy)


def test_what_is_verified_is_what_is_loaded(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that change after they were read change nothing."""
    read = bundles._read

    def then_altered(path: Path) -> dict[str, bytes]:
        content = read(path)
        for name in FILES:
            (path / name).write_bytes(RUNS)
        return content

    monkeypatch.setattr(bundles, "_read", then_altered)
    assert Predictor(Bundle.load(copy)).examples and not Path(RAN).exists()
