"""Images of every kind get one answer, alone and among others, bare and as JSON; named files are read."""

import base64
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from odd_images import ODD, encoded
from PIL import Image, ImageFile

from customer_model.engineroom.bundle.bundle import Bundle
from customer_model.engineroom.contract import Contract, Source
from customer_model.engineroom.encoding import PARSERS
from customer_model.engineroom.reading.source import SourceError, read_chunks, sniff_for
from customer_model.engineroom.serving.routes.service import SMALL

parse = PARSERS["image"]


@pytest.fixture
def column(contract: Contract) -> str:
    return next(iter(contract.features))


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_image_scores_alike_alone_and_among_others(bundle: Bundle, column: str, kind: str) -> None:
    columns = {column: [*ODD.values(), None]}
    row = list(ODD).index(kind)
    scores = bundle.scores(columns)
    np.testing.assert_allclose(bundle.scores_one({column: ODD[kind]})[0], scores[row], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("kind", "media"), [("grey", "image/png"), ("on its side", "image/jpeg")])
def test_a_bare_image_is_answered_like_json(
    client: TestClient, contract: Contract, column: str, kind: str, media: str
) -> None:
    if len(contract.features) > 1 or contract.eligibility:
        pytest.skip("a record of this contract is more than one image")
    bare = client.post("/predict", content=ODD[kind], headers={"content-type": media})
    asked = client.post("/predict", json={column: base64.b64encode(ODD[kind]).decode()})
    refused = client.post("/predict", content=b"\x89PNG", headers={"content-type": media})
    assert bare.status_code == asked.status_code == 200
    assert bare.json() | {"prediction_id": ""} == asked.json() | {"prediction_id": ""}
    assert refused.status_code == 422 and "not a readable image" in refused.text


def test_small_files_of_large_pictures_are_left_to_threads_and_bounded_in_a_batch(
    client: TestClient, contract: Contract, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if len(contract.features) > 1 or contract.eligibility:
        pytest.skip("a record of this contract is more than one image")
    threads: list[str] = []
    load = ImageFile.ImageFile.load

    def watched(picture: ImageFile.ImageFile) -> Any:
        threads.append(threading.current_thread().name)
        return load(picture)

    service = client.app.state.service  # type: ignore[attr-defined]
    monkeypatch.setattr(service.models.champion, "inline", True)
    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    large = encoded(Image.new("1", (5_000, 5_000)))
    assert len(large) < SMALL
    assert client.post("/predict", json={column: base64.b64encode(large).decode()}).status_code == 200
    assert client.post("/predict", content=large, headers={"content-type": "image/png"}).status_code == 200
    assert threads and all(name.startswith(("model", "prediction-log")) for name in threads)
    threads.clear()
    refused = client.post("/predict/batch", json={"records": [{column: base64.b64encode(large).decode()}] * 30})
    assert refused.status_code == 413 and "unpacked" in refused.text and "model" not in "".join(threads)


def test_a_folder_has_a_record_for_each_file(contract: Contract, column: str, tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.png", "a/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(ODD["grey"])
    [chunk] = read_chunks(sniff_for(tmp_path, contract))
    assert chunk["file"].tolist() == ["a/1.png", "b/2.png"] and chunk["folder"].tolist() == ["a", "b"]
    assert parse(chunk[column][0]) == ODD["grey"]


def test_a_list_names_files_in_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(ODD["grey"])
    source = Source(path=tmp_path / "list.csv", files=("photo",))
    source.path.write_text("photo,count\n1.png,3\n,4\n")
    [chunk] = read_chunks(source)
    assert [parse(value) for value in chunk["photo"]] == [ODD["grey"], None]
    source.path.write_text("photo\n../1.png\n")
    with pytest.raises(SourceError, match=r"row 1: 'photo' is '\.\./1\.png'"):
        next(read_chunks(source))
