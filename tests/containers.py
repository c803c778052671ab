"""Container engines for tests, of Debian's packages, for machines without a registry.

Docker here is Docker's own: engine, BuildKit and Compose of Debian 13, run from a folder and ended with the tests.
Networks, names and published ports are real. Podman runs pods, in the place of a Kubernetes node. Stood in for are
the registry's images: Python's by Debian 12 with its Python, PostgreSQL's by tests/postgres.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

PACKAGES = {"debootstrap": "debootstrap", "runc": "runc", "iptables": "iptables"}
PODMAN = {"podman": "podman", "/usr/lib/podman/aardvark-dns": "aardvark-dns", "kubectl": "kubernetes-client"}
DOCKER = "docker.io,docker-cli,docker-compose,docker-buildx,ca-certificates"
PROGRAMS = ("bin/docker", "bin/containerd", "bin/containerd-shim-runc-v2", "sbin/dockerd", "sbin/docker-proxy")
PYTHON = "python3,python3-pip,python3-venv,python-is-python3,ca-certificates"
LIMITS = ["nofile=1024:1024", "nproc=1024:1024"]  # low ones: a machine may forbid to raise its own
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # the machine's own, which may know a mirror's
START_S = 60
IMAGE = "registry.example.com/ml/customer-model"


class Engine:
    """A program that runs containers; `variables` make its name mean it."""

    def __init__(self, program: str, packages: dict[str, str], **variables: str) -> None:
        missing = [package for name, package in packages.items() if not shutil.which(name)]
        if missing:
            raise FileNotFoundError(f"the container engine lacks programs: `apt-get install {' '.join(missing)}`")
        self.program, self.variables = program, variables

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`docker COMMAND`, or podman's, however it ends."""
        environment = os.environ | self.variables | variables
        return subprocess.run([self.program, *command], env=environment, capture_output=True, text=True, check=False)

    def __call__(self, *command: str, fails: bool = False, **variables: str) -> str:
        """What `docker COMMAND` prints; it must succeed, or fail where that is expected."""
        done = self.run(*command, **variables)
        assert (done.returncode != 0) == fails, (command, done.stdout, done.stderr)
        return done.stdout + done.stderr


class Docker(Engine):
    """`with Docker(folder) as docker:` runs an engine whose images and containers lie in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder, folder / "bin"
        super().__init__(
            "docker",
            PACKAGES,
            PATH=f"{self.programs}:{os.environ['PATH']}",
            DOCKER_HOST=f"unix://{folder}/socket",
            DOCKER_CONFIG=str(folder / "config"),
        )

    def __enter__(self) -> Self:
        debian = self._debian("trixie", DOCKER)
        self.programs.mkdir()
        for program in PROGRAMS:
            shutil.move(debian / "usr" / program, self.programs)
        shutil.move(debian / "usr/libexec/docker", self.folder / "config")
        options = [f"--data-root={self.folder}/data", f"--exec-root={self.folder}/run", f"--pidfile={self.folder}/pid"]
        proxy = f"--userland-proxy-path={self.programs}/docker-proxy"
        with (self.folder / "log").open("wb") as log:
            command = ["dockerd", *options, proxy, f"--host={self.variables['DOCKER_HOST']}"]
            self.engine = subprocess.Popen(command, env=os.environ | self.variables, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while self.run("info").returncode != 0:
            if self.engine.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Docker did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.2)
        self._import(debian, "debian:trixie")
        self("build", "--tag=postgres:17", str(Path(__file__).parent / "postgres"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.terminate()
        self.engine.wait(timeout=START_S)
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for left in [path for path in mounted if path.startswith(f"{self.folder}/")]:
            subprocess.run(["umount", left], check=True)
        shutil.rmtree(self.folder)

    def make_base(self, name: str) -> None:
        """The image that projects build upon: Debian's Python under the name of the registry's."""
        root = self._debian("bookworm", PYTHON)
        for file in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):  # which the registry's image has not
            file.unlink()
        self._import(root, name)

    def _debian(self, suite: str, packages: str) -> Path:
        root = self.folder / suite
        command = ["debootstrap", "--variant=minbase", f"--include={packages}", suite, str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        return root

    def _import(self, root: Path, name: str) -> None:
        archive = root.with_suffix(".tar")
        subprocess.run(["tar", "--create", f"--file={archive}", f"--directory={root}", "."], check=True)
        changes = [f"--change=ENV {variable}={CERTIFICATES}" for variable in ("SSL_CERT_FILE", "PIP_CERT")]
        self("import", *changes, str(archive), name)
        shutil.rmtree(root)
        archive.unlink()


class Podman(Engine):
    """Podman with the images of a Docker, in a folder of its own."""

    def __init__(self, folder: Path, docker: Docker, *images: str) -> None:
        (folder / "containers.conf").write_text(
            f'[containers]\ndefault_ulimits = {LIMITS}\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n'
            'infra_image = "localhost/pause:latest"\n'
        )
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
        )
        super().__init__(
            "podman",
            PODMAN,
            CONTAINERS_CONF=str(folder / "containers.conf"),
            CONTAINERS_STORAGE_CONF=str(folder / "storage.conf"),
        )
        docker("save", f"--output={folder}/images.tar", *images)
        self("load", f"--input={folder}/images.tar")
        (folder / "images.tar").unlink()
        # What holds a pod's network; podman's own is in a registry.
        (folder / "Pause").write_text(f'FROM {images[0]}\nCMD ["sleep", "infinity"]\nSTOPSIGNAL SIGKILL\n')
        self("build", "--format=docker", "--tag=localhost/pause", f"--file={folder}/Pause", str(folder))
