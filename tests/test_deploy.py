"""What ``deploy/`` ships is valid, agrees with itself, and starts what there is; no container runs here."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml
from compose_spec import PyCompose
from dockerfile_parse import DockerfileParser

from peakproof.cli import app
from peakproof.middleware.settings import Settings
from peakproof.scenarios.apart.__main__ import parsed as system_of
from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.scenario import Scenario

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text("utf-8")
GATHERED_AT = 5561
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))


def composed(text: str) -> PyCompose:
    """A Compose file, read strictly; what stands for a variable is its default."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return PyCompose.from_yaml(re.sub(r"\$\{\w+:\?[^}]*\}", "given", text))


def check(resource: dict[str, Any]) -> None:
    """Against the schema of its kind; unknown keys are mistakes."""
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def containers() -> dict[str, dict[str, Any]]:
    """Of all pods, by name."""
    pods = [one["spec"]["template"]["spec"] for one in KUBERNETES if "template" in one["spec"]]
    return {container["name"]: container for pod in pods for container in pod["containers"]}


# Valid


def test_the_compose_file_is_valid() -> None:
    composed(COMPOSE).validate()


def test_what_a_service_leans_on_is_there() -> None:
    document = yaml.safe_load(COMPOSE)
    for service in document["services"].values():
        assert {*service.get("depends_on", ())} <= {*document["services"]}
        for volume in service.get("volumes", ()):
            place, _, _ = volume.partition(":")
            assert (DEPLOY / place).is_file() if place.startswith(".") else place in document["volumes"]
        assert all((DEPLOY / file).is_file() for file in service.get("env_file", ()))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("entrypoint:", "entrypont:", id="a misspelt key"),
        pytest.param("init: true", "networks: [nowhere]", id="a network that nobody declares"),
        pytest.param("stop_grace_period: 2m", "stop_grace_period: 2 minutes", id="a time that is none"),
    ],
)
def test_a_mistake_planted_in_the_compose_file_is_found(right: str, wrong: str) -> None:
    assert right in COMPOSE
    with pytest.raises(ValueError, match=r"."):
        composed(COMPOSE.replace(right, wrong)).validate()


@pytest.mark.parametrize("resource", KUBERNETES, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_every_resource_of_kubernetes_is_valid(resource: dict[str, Any]) -> None:
    check(resource)


def test_a_mistake_planted_in_a_resource_is_found() -> None:
    (job,) = [one for one in KUBERNETES if (one["kind"], one["metadata"]["name"]) == ("Job", "peakproof")]
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        check({**job, "spec": {**job["spec"], "backofLimit": 0}})


def test_the_image_starts_the_command_as_nobody_in_particular(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "Dockerfile", tmp_path)  # the parser opens what it reads for writing
    found = DockerfileParser(path=str(tmp_path)).structure
    last: dict[str, str] = {step["instruction"]: step["value"] for step in found}
    assert last["ENTRYPOINT"] == '["peakproof"]'
    assert last["VOLUME"] == "/runs"
    users = {one["securityContext"]["runAsUser"] for one in pods()}
    assert users == {int(last["USER"])}
    assert f"--uid {last['USER']} " in last["RUN"]


def pods() -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in KUBERNETES if "template" in one["spec"]]


def test_what_docker_is_given_is_enough_to_build_the_package(tmp_path: Path) -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").split()
    given = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert lines[0] == "*"
    source = tmp_path / "source"
    source.mkdir()
    for name in given:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    build = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--outdir",
        str(tmp_path),
        str(source),
    ]
    subprocess.run(build, check=True, capture_output=True)
    assert len(list(tmp_path.glob("peakproof-*.whl"))) == 1
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert {*given} == {*packed["wheel"]["only-include"], "pyproject.toml", "README.md"}


# Agreed


def test_estate_and_middleware_know_the_same_addresses_key_and_secret() -> None:
    scenario = Scenario.load(str(DEPLOY / "estate.yaml"))
    config = SutConfig.load(DEPLOY / "peakproof.toml")
    config.check(scenario.estate.standing)
    lines = (DEPLOY / "sut.env").read_text("utf-8").splitlines()
    env = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    told = Settings.read(env)
    assert {
        name: (one.kind, one.url, one.client_id, one.client_secret) for name, one in told.systems.items()
    } == {
        name: (one.kind, f"http://{name}:{one.port}", f"sut-{name}", config.api_key)
        for name, one in scenario.estate.standing.items()
    }
    assert told.webhook_secret == config.webhook_secret
    assert config.url == f"http://sut:{told.port}"


def test_every_system_is_reached_at_its_own_name_and_port() -> None:
    scenario = Scenario.load(str(DEPLOY / "estate.yaml"))
    services = {
        one["metadata"]["name"]: [port["port"] for port in one["spec"]["ports"]]
        for one in KUBERNETES
        if one["kind"] == "Service"
    }
    systems = {name: [one.port] for name, one in scenario.estate.standing.items()}
    assert services == {**systems, "peakproof": [GATHERED_AT, 5557], "sut": [8080]}
    assert {*systems, "peakproof", "worker", "sut"} == set(composed(COMPOSE).service_names())


# Started


def words(command: str | list[str]) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else [*command]


def started() -> dict[str, tuple[list[str] | None, list[str]]]:
    """What every container that is given arguments starts in place of the image's own command, and the arguments."""
    services = yaml.safe_load(COMPOSE)["services"].items()
    found = {
        name: (one.get("entrypoint"), words(one["command"])) for name, one in services if "command" in one
    }
    pods = containers().items()
    return found | {
        f"pod {name}": (one.get("command"), words(one["args"])) for name, one in pods if "args" in one
    }


def commands() -> list[Any]:
    """Every command line of peakproof's that is started anywhere."""
    return [pytest.param(line, id=name) for name, (own, line) in started().items() if own is None]


def test_every_system_is_started_once_each_way_and_comes_to_where_the_run_waits() -> None:
    scenario = Scenario.load(str(DEPLOY / "estate.yaml"))
    came: list[str] = []
    for name, (own, line) in started().items():
        if own is not None:
            given = system_of(line)
            assert own == ["python", "-m", "peakproof.scenarios.apart"]
            assert given.system == given.reached_at == name.removeprefix("pod ")
            assert given.join == f"peakproof:{GATHERED_AT}"
            came.append(given.system)
    assert sorted(came) == sorted([*scenario.estate.standing, *scenario.estate.standing])
    assert scenario.estate.gather_at == f"0.0.0.0:{GATHERED_AT}"


def parsed(line: list[str]) -> dict[str, Any]:
    """What the command makes of its options; nothing is run."""
    group: Any = typer.main.get_command(app)
    given: dict[str, Any] = group.commands[line[0]].make_context(line[0], line[1:]).params
    return given


@pytest.mark.parametrize("line", commands())
def test_every_command_that_is_started_is_one_with_its_options(line: list[str]) -> None:
    assert parsed(line)["profile"] == "black-friday"


def test_master_and_workers_agree() -> None:
    """On address, number, seed and profile, in the Compose file and in Kubernetes."""
    services = yaml.safe_load(COMPOSE)["services"]
    pods = containers()
    (workers,) = [one["spec"] for one in KUBERNETES if one["metadata"]["name"] == "worker"]
    assert workers["parallelism"] == workers["completions"]
    for master, worker, number in (
        (
            services["peakproof"]["command"],
            services["worker"]["command"],
            services["worker"]["deploy"]["replicas"],
        ),
        (pods["peakproof"]["args"], pods["worker"]["args"], workers["parallelism"]),
    ):
        asked, given = parsed(words(master)), parsed(words(worker))
        assert asked["workers"] == number
        assert given["worker"] == f"peakproof:{asked['master'].rpartition(':')[2]}"
        assert (asked["profile"], asked["seed"]) == (given["profile"], given["seed"])
