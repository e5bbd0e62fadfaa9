"""peakproof.toml: what it says, what a run makes of it, and a line for every mistake."""

import json
import sys
from pathlib import Path

import pytest

from peakproof.scenarios.config import SutConfig, defects
from peakproof.scenarios.errors import ConfigError
from peakproof.scenarios.estate_choice import EstateChoice, SystemChoice
from peakproof.simulators.estate import SystemAddress

WHOLE = """
[sut]
command = "python3 app.py --port {sut.port}"
ready = "/ready"
flows = ["order-to-ship", "cancel"]
exceptions_url = "/exceptions"
pending_url = "http://127.0.0.1:9/pending"

[sut.webhooks]
"*" = "/all"
"order.placed" = "/orders"

[sut.env]
ERP = "{erp.url}/v1"
LOGIN = "{erp.client_id}:{erp.client_secret}:{erp.api_key}"
SECRET = "{webhook_secret}"
DB = "{sut.data_dir}/app.db"
BRACES = "{{}}"
"""

ADDRESSES = {"erp": SystemAddress("erp", "http://127.0.0.1:1", "id", "sec", "key")}


def written(folder: Path, text: str) -> Path:
    path = folder / "peakproof.toml"
    path.write_text(text)
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    sut = SutConfig.load(written(tmp_path, WHOLE))
    assert sut.command == ("python3", "app.py", "--port", "{sut.port}")
    assert sut.cwd == str(tmp_path)
    assert sut.name == tmp_path.name
    assert sut.flows == ("order-to-ship", "cancel")
    assert sut.ready_timeout_s == 30


def test_command_and_environment_are_filled_in(tmp_path: Path) -> None:
    sut = SutConfig.load(written(tmp_path, WHOLE))
    command, env = sut.filled_in(
        ADDRESSES, port=4711, base_url="http://127.0.0.1:4711", data_dir=Path("/data"), secret="whsec_x"
    )
    assert command == ["python3", "app.py", "--port", "4711"]
    assert env["ERP"] == "http://127.0.0.1:1/v1"
    assert env["LOGIN"] == "id:sec:key"
    assert env["SECRET"] == "whsec_x"
    assert env["DB"] == "/data/app.db"
    assert env["BRACES"] == "{}"


def test_everybody_is_told_the_systems_the_secret_the_port_and_a_folder() -> None:
    _, env = SutConfig.reference().filled_in(
        ADDRESSES, port=1, base_url="http://127.0.0.1:1", data_dir=Path("/data"), secret="whsec_x"
    )
    assert json.loads(env["PEAKPROOF_SYSTEMS"])["erp"] == {
        "kind": "erp",
        "url": "http://127.0.0.1:1",
        "client_id": "id",
        "client_secret": "sec",
        "api_key": "key",
    }
    assert (env["PEAKPROOF_WEBHOOK_SECRET"], env["PORT"], env["SUT_DATA_DIR"]) == ("whsec_x", "1", "/data")


def test_a_topic_goes_to_its_own_address_before_that_of_all(tmp_path: Path) -> None:
    sut = SutConfig.load(written(tmp_path, WHOLE))
    assert sut.webhook_address("order.placed", "http://h:1/") == "http://h:1/orders"
    assert sut.webhook_address("stock.changed", "http://h:1") == "http://h:1/all"
    polling = SutConfig(command=("python3",), flows=("cancel",))
    assert polling.webhook_address("order.placed", "http://h:1") is None


def test_what_run_json_says_of_it_holds_no_secret(tmp_path: Path) -> None:
    text = WHOLE + "\n[sut.other]\n"
    sut = SutConfig.load(written(tmp_path, text.replace("[sut.other]", "")))
    described = json.dumps(sut.described())
    assert "SECRET" not in described
    assert sut.described()["name"] == tmp_path.name


def test_the_reference_is_started_by_this_python() -> None:
    sut = SutConfig.reference()
    assert sut.command == (sys.executable, "-m", "peakproof.middleware")
    assert len(sut.flows) == 5
    assert SutConfig.reference("naive").command == (
        sys.executable,
        "-m",
        "peakproof.middleware",
        "--defect",
        "naive",
    )
    assert SutConfig.reference("naive").name == "reference with defect naive"


def test_every_defect_is_described() -> None:
    assert {"naive", "do-nothing"} <= set(defects())
    assert all(sentence.endswith(".") for sentence in defects().values())


# Mistakes

RUNNING = 'url = "http://127.0.0.1:8000"\nflows = ["order-to-erp"]\n'
OK = 'command = "python3 app.py"\nflows = ["cancel"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[sut\n", "is not TOML: Expected ']' at the end of a table declaration (at line 1", id="broken TOML"),
        pytest.param("[sut]\nurl = 'http://h'\nurl = 'http://h'\n", "is not TOML: Cannot overwrite a value (at line 3", id="a key twice"),
        pytest.param("[sut]\nenv = {\nflows = [\n", "is not TOML: Invalid initial character for a key part (at line 2", id="a table without an end"),
        pytest.param("[sut]\nflows = [\n'cancel'\n", "is not TOML: Unclosed array (at line 3, its end)", id="a list without an end"),
        pytest.param("", "has no [sut] table", id="nothing"),
        pytest.param("[stu]\n", "unknown key 'stu'; did you mean 'sut'", id="a misspelt table"),
        pytest.param("sut = 3\n", "sut: must be a table of keys, got 3", id="no table"),
        pytest.param("[sut]\n" + OK + "redy = '/x'\n", "sut.redy: unknown key 'redy'; did you mean 'ready'", id="a misspelt key"),
        pytest.param("[sut]\ncommand = 'python3'\n", "sut.flows: is missing; name the flows that it serves", id="no flows"),
        pytest.param("[sut]\ncommand = 'python3'\nflows = []\n", "sut.flows: must be a list that is not empty", id="an empty list of flows"),
        pytest.param("[sut]\ncommand = 'python3'\nflows = ['cancl']\n", "sut.flows: unknown flow 'cancl'; did you mean 'cancel'", id="an unknown flow"),
        pytest.param("[sut]\nflows = ['cancel']\n", "sut: needs either command (to start it) or url (where it runs), has neither", id="neither command nor URL"),
        pytest.param("[sut]\n" + OK + "url = 'http://h'\n", "sut: needs either command (to start it) or url (where it runs), has both", id="both"),
        pytest.param("[sut]\nflows = ['cancel']\nurl = 'localhost:80'\n", "sut.url: must be a URL like http://127.0.0.1:8000, got 'localhost:80'", id="no URL"),
        pytest.param("[sut]\nflows = ['cancel']\ncommand = ''\n", "sut.command: must name a program, got nothing", id="an empty command"),
        pytest.param("[sut]\nflows = ['cancel']\ncommand = 'a \"b'\n", "sut.command: No closing quotation", id="a quote left open"),
        pytest.param("[sut]\nflows = ['cancel']\ncommand = 3\n", "sut.command: must be a text or a list of texts, got 3", id="a number for a command"),
        pytest.param("[sut]\n" + OK + "cwd = 'nowhere'\n", "sut.cwd: no such folder", id="a folder that is not there"),
        pytest.param("[sut]\n" + OK + "ready = 'health'\n", "sut.ready: must be a path like '/health' or a whole URL, got 'health'", id="no path"),
        pytest.param("[sut]\n" + OK + "ready_timeout_s = 0\n", "sut.ready_timeout_s: must be above 0, got 0", id="no patience"),
        pytest.param("[sut]\n" + OK + "ready_timeout_s = 'long'\n", "sut.ready_timeout_s: must be a number, got 'long'", id="a word for a number"),
        pytest.param("[sut]\n" + OK + "port = 0\n", "sut.port: must be at least 1, got 0", id="no port"),
        pytest.param("[sut]\n" + OK + "webhook_secret = 'hunter2'\n", "sut.webhook_secret: must be a Standard Webhooks secret", id="a secret of another kind"),
        pytest.param("[sut]\n" + RUNNING, "sut.api_key: is missing; a middleware that already runs (sut.url) cannot learn new credentials", id="a URL without a key"),
        pytest.param("[sut]\n" + RUNNING + "api_key = 'hunter2'\n", "sut.api_key: must be 16 or more printable ASCII characters without spaces, got 7 characters", id="a short key"),
        pytest.param("[sut]\n" + RUNNING + "api_key = 'sixteen and more characters'\n", "sut.api_key: must be 16 or more printable ASCII characters without spaces, got 27 characters", id="a key with spaces"),
        pytest.param("[sut]\n" + OK + "log_limit_mb = 0\n", "sut.log_limit_mb: must be above 0, got 0", id="no log"),
        pytest.param("[sut]\n" + OK + "[sut.webhooks]\n'order.place' = '/w'\n", "sut.webhooks.order.place: unknown topic 'order.place'; did you mean 'order.placed'", id="an unknown topic"),
        pytest.param("[sut]\n" + OK + "[sut.webhooks]\n'*' = 'w'\n", "sut.webhooks.*: must be a path like '/webhooks' or a whole URL, got 'w'", id="a webhook without a path"),
        pytest.param("[sut]\n" + OK + "[sut.env]\nX = '{erp.ulr}'\n", "sut.env.X: unknown template '{erp.ulr}'; did you mean '{erp.url}'", id="an unknown part"),
        pytest.param("[sut]\n" + OK + "[sut.env]\nX = '{sut.prt}'\n", "sut.env.X: unknown template '{sut.prt}'; did you mean '{sut.port}'", id="an unknown name"),
        pytest.param("[sut]\n" + OK + "[sut.env]\nX = '{systms}'\n", "sut.env.X: unknown template '{systms}'; did you mean '{systems}'", id="a misspelt name"),
        pytest.param("[sut]\n" + OK + "[sut.env]\nX = '{}'\n", "sut.env.X: unknown template '{}'", id="no name"),
        pytest.param("[sut]\n" + OK + "[sut.env]\nX = '{systems!r}'\n", "sut.env.X: unknown template '{systems!r}'", id="a conversion"),
        pytest.param("[sut]\n" + OK + "[sut.env]\nX = '{'\n", "sut.env.X: ", id="a brace left open"),
        pytest.param("[sut]\n" + OK + "[sut.env]\nX = 3\n", "sut.env.X: must be a text, got 3", id="a number for a text"),
        pytest.param("[sut]\nflows = ['cancel']\ncommand = ['app', '{sut.prt}']\n", "sut.command.1: unknown template '{sut.prt}'; did you mean '{sut.port}'", id="an unknown name in the command"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        SutConfig.load(path)
    line = str(refused.value)
    assert line.startswith(f"{path}: {said}")
    assert "\n" not in line
    assert refused.value.exit_code == 2


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere/peakproof.toml: no such file"):
        SutConfig.load(Path("nowhere/peakproof.toml"))


def test_a_system_that_the_scenario_lacks_is_named(tmp_path: Path) -> None:
    sut = SutConfig.load(written(tmp_path, "[sut]\n" + OK + "[sut.env]\nX = '{epr.url}'\n"))
    with pytest.raises(
        ConfigError, match=r"sut.env.X: unknown template '\{epr.url\}'; did you mean '\{erp.url\}'"
    ):
        sut.check(EstateChoice().standing)


KEY = "sixteen-or-more-characters"


def test_what_already_runs_cannot_learn_new_ports(tmp_path: Path) -> None:
    sut = SutConfig.load(written(tmp_path, f"[sut]\n{RUNNING}api_key = '{KEY}'\n"))
    with pytest.raises(ConfigError) as refused:
        sut.check(EstateChoice().standing)
    assert str(refused.value) == (
        f"{tmp_path / 'peakproof.toml'}: sut.url: a middleware that already runs cannot learn new ports: fix the port of erp as it knows it, "
        "in the scenario or by --set estate.systems.erp.port=N"
    )
    sut.check({**EstateChoice().standing, "erp": SystemChoice(kind="erp", port=8102)})


def test_every_system_that_is_called_needs_a_port(tmp_path: Path) -> None:
    text = f"[sut]\n{RUNNING}api_key = '{KEY}'\n".replace("order-to-erp", "price-publish")
    with pytest.raises(
        ConfigError, match=r"fix the ports of web and bazaar as it knows them, .*web\.port=N --set .*bazaar"
    ):
        SutConfig.load(written(tmp_path, text)).check(EstateChoice().standing)


def test_a_key_is_no_matter_for_run_json(tmp_path: Path) -> None:
    sut = SutConfig.load(written(tmp_path, f"[sut]\n{RUNNING}api_key = '{KEY}'\n"))
    assert KEY not in json.dumps(sut.described())


@pytest.mark.parametrize("program", ["no-such-program-here", "./no-such-program-here"])
def test_a_program_that_is_not_there_is_named(tmp_path: Path, program: str) -> None:
    sut = SutConfig.load(written(tmp_path, f"[sut]\nflows = ['cancel']\ncommand = '{program}'\n"))
    with pytest.raises(ConfigError, match=f"^{tmp_path}/.*sut.command: there is no program '{program}'"):
        sut.check({})
