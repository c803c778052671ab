"""Settings of the service: which names count, where, and what a shell that is not ours may contain."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Module, Render, make
from service import Service

STRANGE = {"HOST": "myhost.example", "DOCS": "/usr/share/doc", "PORT": "tcp://10.0.0.1:80", "BUNDLE": "/usr/lib"}
ACCEPTED: dict[str, Any] = {"str": "127.0.0.9", "int": "2000", "float": "0.5", "Path": "here", "bool": "1"}
LITERALS = {
    "docs": "off",
    "authentication": "off",
    "access_log": "none",
    "device": "gpu",
    "prediction_log_policy": "block",
}
OLD_AUTHENTICATION = "settings: AUTHENTICATION in .env is an old name, which 1.0 will not read: rename it to SERVICE_"

Warned = Callable[[], list[str]]


@pytest.fixture
def settings(code: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, in an empty folder and an environment that sets nothing."""
    module = code("engineroom.settings.environment")
    monkeypatch.chdir(tmp_path)
    for field in module.Environment.model_fields:
        for name in (field.upper(), f"SERVICE_{field.upper()}"):
            monkeypatch.delenv(name, raising=False)
    module._warn.cache_clear()
    return module


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Warned:
    return lambda: [record.getMessage() for record in caplog.records]


def test_every_field_is_read_under_its_prefix(settings: Any, monkeypatch: pytest.MonkeyPatch, warned: Warned) -> None:
    for field, info in settings.Environment.model_fields.items():
        kind = str(getattr(info.annotation, "__name__", info.annotation))
        value = LITERALS.get(field) or next((ACCEPTED[name] for name in ACCEPTED if name in kind), "secret")
        name = "MLFLOW_TRACKING_URI" if field == "mlflow_tracking_uri" else f"SERVICE_{field.upper()}"
        with monkeypatch.context() as patch:
            patch.setenv("SERVICE_MAX_BODY_BYTES", "1")
            patch.setenv("SERVICE_MAX_ROWS", "1")
            before = settings.Environment()
            patch.setenv(name, value)
            after = settings.Environment()
        assert before.model_fields_set ^ after.model_fields_set <= {field}, field
        assert getattr(after, field) != getattr(before, field), field
    assert warned() == []


def test_what_a_shell_happens_to_have_is_ignored_with_a_warning(
    settings: Any, monkeypatch: pytest.MonkeyPatch, warned: Warned
) -> None:
    before = settings.Environment()
    for name, value in STRANGE.items():
        monkeypatch.setenv(name, value)
    assert settings.Environment() == before == settings.Environment()
    assert sorted(warned()) == [
        f"settings: {name} in the environment is not read, SERVICE_{name} is" for name in sorted(STRANGE)
    ]


def test_an_old_name_that_can_be_meant_works_and_warns(
    settings: Any, monkeypatch: pytest.MonkeyPatch, warned: Warned, tmp_path: Path
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/SHA256SUMS").touch()
    for name, value in {"HOST": "0.0.0.0", "DOCS": "off", "PORT": "9000", "BUNDLE": "bundle"}.items():
        monkeypatch.setenv(name, value)
    found = settings.Environment()
    assert (found.host, found.docs, found.port, found.bundle) == ("0.0.0.0", "off", 9000, Path("bundle"))
    assert len(warned()) == 4 and all(f"rename it to SERVICE_{name}" in " ".join(warned()) for name in STRANGE)


@pytest.mark.parametrize("file", [".env", "project.env"])
def test_an_old_name_in_a_file_works_warns_and_is_read_strictly(settings: Any, warned: Warned, file: str) -> None:
    Path(file).write_text("AUTHENTICATION=off\nPII_KEY=secret-4711\n")
    found = settings.Environment()
    assert (found.authentication, found.pii_key.get_secret_value()) == ("off", "secret-4711")
    assert warned()[0] == f"{OLD_AUTHENTICATION.replace('.env', file)}AUTHENTICATION"
    assert len(warned()) == 2 and "4711" not in " ".join(warned())
    Path(file).write_text("DOCS=/usr/share/doc\n")
    with pytest.raises(settings.UserError, match=f"DOCS in {file}: Input should be 'on' or 'off'"):
        settings.Environment()


def test_a_new_name_goes_before_an_old_one(settings: Any, monkeypatch: pytest.MonkeyPatch, warned: Warned) -> None:
    Path("project.env").write_text("SERVICE_PORT=1\nPORT=2\n")
    Path(".env").write_text("PORT=3\n")
    assert settings.Environment().port == 3  # an update writes new names into project.env: they must not undo a .env
    monkeypatch.setenv("PORT", "4")
    assert settings.Environment().port == 4
    Path(".env").write_text("SERVICE_PORT=5\nPORT=3\n")
    assert settings.Environment().port == 5
    assert warned()[-1] == "settings: PORT in the environment is not read, SERVICE_PORT in .env is"
    monkeypatch.setenv("SERVICE_PORT", "6")
    assert settings.Environment().port == 6
    said = len(warned())
    monkeypatch.setenv("PORT", "6")  # as make hands on PORT=6 of its command line, under both names
    assert settings.Environment().port == 6 and len(warned()) == said


def test_a_setting_that_does_not_exist_is_named_where_it_is_surely_meant(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_NAME", "of somebody else")
    Path(".env").write_text("DATABASE_URL=sqlite://\nMLFLOW_TRACKING_USERNAME=me\n")
    settings.Environment()
    Path(".env").write_text("SERVICE_AUTHENTICATON=required\nSERVICE_MLFLOW_TRACKING_URI=here\n")
    with pytest.raises(
        settings.UserError, match=r"SERVICE_AUTHENTICATON in \.env, SERVICE_MLFLOW_TRACKING_URI in \.env"
    ):
        settings.Environment()


def test_an_old_name_is_no_way_to_a_new_setting(settings: Any) -> None:
    """A setting that is added never had one: it belongs to the three here."""
    fields = {field.upper() for field in settings.Environment.model_fields}
    assert fields - set(settings.OLD.split()) == {"ALLOW_FAILED_GATE", "DEVICE", "MLFLOW_TRACKING_URI"}
    assert set(settings.OLD.split()) <= fields


def test_a_shell_of_somebody_does_not_stop_the_service(trained: Render, tmp_path: Path) -> None:
    project = trained()
    with Service(project, tmp_path / "log.db", **STRANGE) as service:
        done = make(project, "predict", SERVICE_PORT=str(service.port), **STRANGE)
        assert "prediction_id" in done.stdout and "SERVICE_HOST" in done.stderr
    assert all(f"{name} in the environment is not read, SERVICE_{name}" in service.output() for name in STRANGE)


def test_make_hands_on_what_its_command_line_says_and_nothing_of_the_shell(render: Render, tmp_path: Path) -> None:
    """With the names of the settings, which the programs get as they are typed."""
    (tmp_path / "own.mk").write_text("show:\n\t@env\n")
    program = ("--file=Makefile", f"--file={tmp_path}/own.mk", "show")
    seen = dict(
        line.split("=", 1)
        for line in make(
            render(), *program, "HOST=0.0.0.0", "PORT=9000", "API_KEY=a#b", BUNDLE="/usr/lib"
        ).stdout.splitlines()
        if "=" in line
    )
    assert (seen["SERVICE_HOST"], seen["SERVICE_PORT"], seen["SERVICE_API_KEY"]) == ("0.0.0.0", "9000", "a#b")
    assert "SERVICE_BUNDLE" not in seen


def test_an_image_starts_with_settings_that_any_name_goes_before(render: Render) -> None:
    """As variables of the image they would hide what a deployment of before 0.7 sets by old names."""
    dockerfile = (render() / "deploy/Dockerfile").read_text()
    assert "> /app/project.env" in dockerfile and "SERVICE_HOST=0.0.0.0" in dockerfile
    lines = dockerfile.replace("\\\n", " ").splitlines()
    assert not [line for line in lines if line.startswith("ENV") and ("SERVICE_" in line or " PORT=" in line)]


def test_compose_reads_old_names_of_its_own_file(render: Render) -> None:
    serving = yaml.safe_load((render() / "deploy/compose.yaml").read_text())["services"]["serving"]
    assert serving["environment"]["SERVICE_ADMIN_KEYS"] == "${SERVICE_ADMIN_KEYS:-${ADMIN_KEYS:-}}"
    # An error within a default is one for Compose even where the default is not taken, so this one has to be renamed.
    assert "API_KEYS of before 0.7 has this name now" in serving["environment"]["SERVICE_API_KEYS"]
    assert serving["ports"] == ["127.0.0.1:${SERVICE_PORT:-${PORT:-8000}}:8000"]
