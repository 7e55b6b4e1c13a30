"""Holds a running service against its description, docs/openapi.json: `./run contract [schemathesis arguments]`.

Starts `rollcall dev` on servers and a directory of its own, then sends requests made from the description, right and
wrong ones, as an administrator, as a plain user and as nobody. Whatever is answered must be in the description: status,
content type, headers and body. The same seed makes the same requests.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SEED = "20261121"
# Who sends, and how many made-up requests per operation, beside the systematic ones.
ACTORS = [("admin", "10"), ("user", "3"), ("nobody", "2")]
# What is not asked: that everything is accepted which the description allows (it cannot say that one moment is before
# another, or that a name is taken), and what needs operations to be linked.
UNASKED = "positive_data_acceptance,object_level_authorization"
# People to be banned, renamed and deleted.
TARGETS = 12
READY = re.compile(r"rollcall is ready +(http://\S+?)/?$")
PATIENCE = 120


def program():
    """Builds the program and answers where it is."""
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--bin", "rollcall"], cwd=ROOT, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"], cwd=ROOT, check=True, capture_output=True
    )
    return Path(json.loads(metadata.stdout)["target_directory"]) / "debug" / "rollcall"


class Service:
    """A running `rollcall dev`."""

    def __init__(self, data_dir):
        self.data_dir = Path(data_dir)
        self.log_file = self.data_dir / "contract.log"
        self.log = self.log_file.open("wb")
        address = ["--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [program(), "dev", "--data-dir", self.data_dir / "data", *address],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            # The run fails to log in more often than is allowed to anybody.
            env={**os.environ, "ROLLCALL_LOG": "warn", "ROLLCALL_LIMITS_ALLOW": "127.0.0.1"},
        )
        self.lines = []
        self.said = threading.Event()
        threading.Thread(target=self.listen, daemon=True).start()
        if not self.said.wait(PATIENCE):
            sys.exit(f"the service did not become ready:\n{self.log_file.read_text()}")
        self.password = (self.data_dir / "data" / "password").read_text().strip()

    def listen(self):
        for line in self.process.stdout:
            found = READY.search(line.rstrip())
            if found:
                self.base = found.group(1)
                self.said.set()
        self.said.set()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        if self.process.wait(PATIENCE) != 0:
            sys.exit(f"the service did not stop in order:\n{self.log_file.read_text()}")

    def people(self, prefix, count):
        """Registers people; their ids."""
        ids = []
        for number in range(count):
            person = {"username": f"{prefix}-{number}", "password": self.password}
            answer = requests.post(f"{self.base}/api/auth/register/", json=person, timeout=10)
            answer.raise_for_status()
            ids.append(str(answer.json()["user"]["id"]))
        return ids


def run(service, actor, examples, arguments):
    """One run of schemathesis; whether it found nothing."""
    targets = service.people(f"target-of-{actor}", TARGETS)
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
        "CONTRACT_BASE": service.base,
        "CONTRACT_AS": actor,
        "CONTRACT_PASSWORD": service.password,
        "CONTRACT_TARGETS": ",".join(targets),
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        *("run", str(ROOT / "docs" / "openapi.json"), "--url", service.base),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", examples, "--seed", SEED, "--no-shrink"),
        *("--checks", "all", "--exclude-checks", UNASKED),
        *("--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all"),
        *arguments,
    ]
    print(f"\n==> as {actor}", flush=True)
    # A directory of its own: the tool keeps what it remembers where it runs.
    return subprocess.run(command, env=environment, cwd=service.data_dir, check=False).returncode == 0


def main():
    began = time.monotonic()
    # Whoever ends this run ends its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="rollcall-contract-", dir="/tmp") as data_dir:
        os.chmod(data_dir, 0o755)
        service = Service(data_dir)
        try:
            good = [run(service, *actor, sys.argv[1:]) for actor in ACTORS]
        finally:
            service.stop()
        log = service.log_file.read_text()
    defects = [line for line in log.splitlines() if " ERROR " in line]
    print(f"\n==> {time.monotonic() - began:.0f} s; {good.count(False)} of {len(good)} runs found something, "
          f"{len(defects)} defects in the log")
    print("\n".join(defects[:20]))
    sys.exit(0 if all(good) and not defects else 1)


if __name__ == "__main__":
    main()
