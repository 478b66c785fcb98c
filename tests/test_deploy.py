"""What is deployed: each file checked by its own tool where there is one, and against the settings."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dccd.candles import check_exchange
from dccd.cli import EX_BUSY, EX_CONFIG
from dccd.cli.app import app
from dccd.daemon.config import AlertConfig, CollectorConfig, load_config
from dccd.daemon.exporter.addresses import split_address
from dccd.daemon.exporter.routes import Routes
from dccd.daemon.state.silences import AlertState
from dccd.daemon.status.assess import Configured, see
from dccd.daemon.status.view import DaemonView
from dccd.units import parse_duration

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "dccd.service"
COMPOSE = DEPLOY / "docker" / "compose.yaml"
KUBERNETES = DEPLOY / "kubernetes" / "dccd.yaml"
SHUTDOWN = AlertConfig().shutdown_timeout


def unit() -> dict[str, dict[str, str]]:
    """Return the sections of the unit; a key that is there twice counts with its last value."""
    sections: dict[str, dict[str, str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = {}
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            sections[list(sections)[-1]][key] = value
    return sections


def of_kind(kind: str) -> dict[str, Any]:
    """Return the one object of a kind in the Kubernetes manifest."""
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(KUBERNETES.read_text(encoding="utf-8")))
    [found] = [each for each in objects if each["kind"] == kind]
    return found


def container() -> dict[str, Any]:
    """Return the container of the deployment."""
    [found] = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def loaded(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, home: Path) -> CollectorConfig:
    """Return the configuration that variables make, by themselves."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config = load_config()
    assert config.histo_jobs
    for job in config.histo_jobs:
        check_exchange(job.exchange)
    return config


def test_the_unit_is_one_for_systemd(tmp_path: Path) -> None:
    """With another program in place of ours, which is not installed there."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("there is no systemd-analyze on this machine")
    copy = tmp_path / "dccd.service"
    text = re.sub(
        r"^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run([tool, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_fits_the_daemon() -> None:
    """It waits longer than the daemon takes to stop, watches no closer than it looks, and tries no vain restart."""
    service = unit()["Service"]
    assert service["ExecStart"].endswith("/dccd start")
    assert parse_duration(service["TimeoutStopSec"]) > SHUTDOWN
    assert parse_duration(service["WatchdogSec"].removesuffix("in")) > 2 * 30
    assert service["RestartPreventExitStatus"].split() == [str(EX_BUSY), str(EX_CONFIG)]
    assert "HUP" in service["ExecReload"]
    assert "DynamicUser" not in service  # whose directory no other command gets into
    assert f"-u {service['User']} " in (ROOT / "docs" / "source" / "deploy.rst").read_text(encoding="utf-8")


def test_the_variables_that_the_unit_names_are_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They alone are a configuration; systemd's directory is where the data go."""
    variables = dict(re.findall(r"^#   (DCCD_\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE))
    variables["STATE_DIRECTORY"] = str(tmp_path / "state")
    config = loaded(variables, monkeypatch, tmp_path)
    assert config.alerts.webhook_url
    assert config.storage.local_path == tmp_path / "state"


def test_the_image_is_made_as_hadolint_likes_it() -> None:
    """It comes from the requirements of the project."""
    tool = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([tool, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_runs_as_nobody_special_and_names_real_commands() -> None:
    """In exec form, so that signals arrive."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    commands = {info.name or (info.callback.__name__ if info.callback else "") for info in app.registered_commands}
    assert 'ENTRYPOINT ["dccd"]' in text
    assert set(re.findall(r'CMD \["(?:dccd", ")?([a-z]+)"\]', text)) == {"start", "healthcheck"} <= commands
    assert re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE) == [("10001", "10001")]
    assert re.findall(r"--[ug]id (\d+)", text) == ["10001"] * 3  # the account has the numbers that it runs with
    copied = [path for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for path in line.split()]
    assert "src" in copied
    assert all((ROOT / path).exists() for path in copied if path != "src")  # which the test of the wheel takes away
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert all(f"!{path}" in allowed for path in copied)


def test_what_compose_sets_is_a_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With and without an address for alerts; it is given longer to stop than it takes."""
    service = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["dccd"]
    variables: dict[str, str] = service["environment"]
    assert all(isinstance(value, str) for value in variables.values())
    address = variables.pop("DCCD_ALERTS__WEBHOOK_URL")
    assert address == "${DCCD_ALERTS__WEBHOOK_URL:-}"
    config = loaded({**variables, "DCCD_ALERTS__WEBHOOK_URL": ""}, monkeypatch, tmp_path)
    assert config.alerts.webhook_url is None
    assert config.log.file == "off"
    assert parse_duration(service["stop_grace_period"]) > SHUTDOWN
    assert service["restart"] == "unless-stopped"
    assert (COMPOSE.parent / service["build"]["context"] / "Dockerfile").is_file()


def test_what_kubernetes_sets_is_a_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The address of the webhook comes from a directory of files, in the layout of a mounted secret."""
    variables = {each["name"]: each["value"] for each in container()["env"]}
    mounts = {each["mountPath"] for each in container()["volumeMounts"]}
    assert variables["DCCD_SECRETS_DIR"] in mounts
    secrets = tmp_path / "secrets"
    (secrets / "..2026").mkdir(parents=True)
    names = re.findall(r"--from-literal=(\w+)=(\S+)", KUBERNETES.read_text(encoding="utf-8"))
    for name, value in names:
        (secrets / "..2026" / name).write_text(value, encoding="utf-8")
        (secrets / name).symlink_to(Path("..data", name))
    (secrets / "..data").symlink_to("..2026")
    config = loaded({**variables, "DCCD_SECRETS_DIR": str(secrets)}, monkeypatch, tmp_path)
    assert config.alerts.webhook_url == dict(names)["dccd_alerts__webhook_url"]


def test_the_probes_of_the_pod_ask_for_what_there_is(tmp_path: Path) -> None:
    """A full disk makes it not ready, and is no reason to restart it: that would lose the records kept in memory."""
    [port] = container()["ports"]
    [listen] = [each["value"] for each in container()["env"] if each["name"] == "DCCD_SERVER__LISTEN"]
    assert split_address(listen) == ("0.0.0.0", port["containerPort"])
    daemon = DaemonView("running", 1, "0.1.0", 0.0, 0.0, persistence="the disk is full")
    seen = replace(see(Configured(str(tmp_path), {}, ()), {}, AlertState(), None, 0.0), daemon=daemon)
    routes = Routes(lambda: seen, None)
    for name, status in {"startupProbe": 200, "livenessProbe": 200, "readinessProbe": 503}.items():
        asked = container()[name]["httpGet"]
        assert asked["port"] == port["name"]
        reply = routes(asked["path"])
        assert reply is not None
        assert reply.status == status, name


def test_the_pod_is_given_time_to_stop_and_is_alone() -> None:
    """Two pods would wait for each other's directory."""
    spec = of_kind("Deployment")["spec"]
    pod = spec["template"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert pod["terminationGracePeriodSeconds"] > SHUTDOWN
    assert pod["securityContext"]["runAsNonRoot"] is True
    claimed = pod["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claimed == of_kind("PersistentVolumeClaim")["metadata"]["name"]
