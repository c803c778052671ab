"""A container engine for tests, of Debian's packages, for machines without Docker and without a registry.

Containers are real: namespaces, another user, no capabilities, a read-only root. Only the network is the machine's own.
The base image is Debian itself with its Python, in the place of the one that the registry has.
"""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = {"podman": "podman", "buildah": "buildah", "runc": "runc", "debootstrap": "debootstrap"}
SUITE, PYTHON = "bookworm", "python3,python3-pip,python3-venv,python-is-python3,ca-certificates"
LIMITS = ["nofile=1024:1024", "nproc=1024:1024"]  # low ones: a machine may forbid to raise its own
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # the machine's own, which may know a mirror's


class Containers:
    """An engine whose images and containers lie in a folder; `variables` make `docker` mean it."""

    def __init__(self, folder: Path) -> None:
        missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
        if missing:
            raise FileNotFoundError(f"no container engine is installed: `apt-get install {' '.join(missing)}`")
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir(parents=True)
        (programs / "docker").symlink_to(str(shutil.which("podman")))
        (folder / "containers.conf").write_text(
            f'[containers]\nnetns = "host"\ndefault_ulimits = {LIMITS}\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n'
        )
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
        )
        self.variables = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
            "BUILDAH_LAYERS": "false",  # each would be a copy of all files
            "BUILDAH_FORMAT": "docker",  # the other one knows no health check
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """`docker COMMAND`, however it ends."""
        variables = os.environ | self.variables
        return subprocess.run(["docker", *command], env=variables, capture_output=True, text=True, check=False)

    def __call__(self, *command: str, fails: bool = False) -> str:
        """What `docker COMMAND` prints; it must succeed, or fail where that is expected."""
        done = self.run(*command)
        assert (done.returncode != 0) == fails, (command, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def make_base(self, name: str) -> None:
        """The image that projects build upon: Debian's Python under the name of the registry's."""
        root, archive = self.folder / "debian", self.folder / "debian.tar"
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PYTHON}", SUITE, str(root)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for file in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):  # which the registry's image has not
            file.unlink()
        shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        subprocess.run(["tar", "--create", f"--file={archive}", f"--directory={root}", "."], check=True)
        changes = [f"--change=ENV {variable}={CERTIFICATES}" for variable in ("SSL_CERT_FILE", "PIP_CERT")]
        self("import", *changes, str(archive), f"docker.io/library/{name}")
        shutil.rmtree(root)
        archive.unlink()
