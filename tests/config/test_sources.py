"""A configuration of several files: merging, includes, directories, and variables of the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from staging_exporter.config import Config, ConfigError, load_config
from staging_exporter.config.configuration import secrets

API = "  {name}: {{layer: service, priority: P0, check: {{kind: http, url: 'http://127.0.0.1/'}}}}\n"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yml")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)


def components(*names: str) -> str:
    return "components:\n" + "".join(API.format(name=name) for name in names)


def names(config: Config) -> list[str]:
    return list(config.topology.components)


def problems(*paths: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_config(paths)
    return [str(problem).replace(f"{paths[0].parent}/", "") for problem in error.value.problems]


def test_files_are_merged_by_name_and_lists_one_after_the_other(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="environment: test\n" + components("api") + "journeys: {login: {priority: P0, steps: {a: api}}}\n"
        "vantage: [{kind: tcp, address: '127.0.0.1:1'}]\n",
        b="x-own: &v {kind: tcp, address: '127.0.0.1:2'}\n" + components("web") + "vantage: [*v]\n"
        "journeys: {page: {priority: P1, steps: {a: web, b: api}}}\nslo: {objective: 0.9}\n",
    )
    config = load_config([tmp_path / "a.yml", tmp_path / "b.yml"])
    assert names(config) == ["api", "web"]
    assert list(config.topology.journeys) == ["login", "page"]
    assert [check.address.port for _, check in config.vantage] == [1, 2]  # type: ignore[attr-defined]
    assert config.slo == {"api": 0.9, "web": 0.9}
    assert load_config([tmp_path / "a.yml", tmp_path / "b.yml", tmp_path / "a.yml"]) == config


def test_what_is_in_two_files_is_an_error_with_both_lines(tmp_path: Path) -> None:
    write(tmp_path, a="environment: test\n" + components("api"), b="environment: other\n" + components("web", "api"))
    assert problems(tmp_path / "a.yml", tmp_path / "b.yml") == [
        f"b.yml:1: environment: `environment` is also in {tmp_path}/a.yml, line 1; it must be in one file only".replace(
            f"{tmp_path}/", ""
        ),
        "b.yml:4: components.api: `components.api` is also in a.yml, line 3; it must be in one file only",
    ]


def test_an_error_has_the_file_that_it_is_in(tmp_path: Path) -> None:
    bad = "components:\n  web: {layer: service, priority: P9}\nvantage:\n  - {kind: tcp}\n"
    write(tmp_path, a="environment: test\n" + components("api") + "vantage: [{kind: nope}]\n", b=bad, c="slo: 3\nx: [")
    found = problems(tmp_path / "a.yml", tmp_path / "b.yml")
    assert [text.partition(": ")[0] for text in found] == ["a.yml:4", "b.yml:2", "b.yml:4"]
    assert problems(tmp_path / "a.yml", tmp_path / "c.yml")[0].startswith("c.yml:2: did not find expected node content")


def test_a_directory_is_its_files_in_order(tmp_path: Path) -> None:
    write(tmp_path, d__10="environment: test\n" + components("api"), d__20=components("web"))
    (tmp_path / "d" / "05.yaml").write_text(components("first"))
    (tmp_path / "d" / ".hidden.yml").write_text("nonsense")
    (tmp_path / "d" / "README.md").write_text("nonsense")
    (tmp_path / "d" / "more.yml").mkdir()
    assert names(load_config(tmp_path / "d")) == ["first", "api", "web"]
    (tmp_path / "none").mkdir()
    assert problems(tmp_path / "none") == ["none:1: the directory has no files *.yml or *.yaml"]


def test_includes_are_relative_to_the_file_that_holds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path,
        main="environment: test\ninclude: [conf.d/*.yml, more]\n",
        conf__d=components("unseen"),
        more__x="include: [../deep/y.yml]\n" + components("x"),
        deep__y="include: [../conf.d/a.yml]\n" + components("y"),
    )
    write(tmp_path / "conf.d", b=components("b"), a=components("a"))
    monkeypatch.chdir("/")
    assert names(load_config(tmp_path / "main.yml")) == ["a", "b", "x", "y"]


INCLUDES: dict[str, tuple[dict[str, str], list[str]]] = {
    "itself": ({"a": "environment: t\ninclude: [a.yml]\n"}, ["a.yml:2: include[0]: circular include a.yml -> a.yml"]),
    "each other": (
        {"a": "environment: t\ninclude:\n  - b.yml\n", "b": "include: [a.yml]\n"},
        ["b.yml:1: include[0]: circular include a.yml -> b.yml -> a.yml"],
    ),
    "a file that does not exist": (
        {"a": "environment: t\ninclude: [nope.yml]\n"},
        ["a.yml:2: include[0]: nope.yml cannot be read: No such file or directory"],
    ),
    "no list": ({"a": "environment: t\ninclude: b.yml\n"}, ["a.yml:2: include: expected a list of files, directories"]),
    "numbers": ({"a": "environment: t\ninclude: [7]\n"}, ["a.yml:2: include: expected a list of files, directories"]),
}


@pytest.mark.parametrize("name", INCLUDES)
def test_an_include_that_cannot_be_followed_is_an_error(name: str, tmp_path: Path) -> None:
    files, expected = INCLUDES[name]
    write(tmp_path, **{**files, "a": files["a"] + components("api")})
    found = problems(tmp_path / "a.yml")
    assert [text[: len(wanted)] for text, wanted in zip(found, expected, strict=True)] == expected, found


def test_a_relative_secret_file_is_beside_the_file_that_names_it(tmp_path: Path) -> None:
    check = "{kind: http, url: 'http://127.0.0.1/', auth: {bearer: {file: secrets/token}}}"
    web = "components: {web: {layer: service, priority: P1, check: %s}}\n"
    api = components("api").replace("url:", "headers: {X-Key: {file: /run/key}}, url:")
    write(
        tmp_path,
        a=f"environment: test\ninclude: [own/b.yml]\napi: {{token: {{file: token}}}}\n{api}vantage: [{check}]\n",
        own__b=web % check,
    )
    config = load_config(tmp_path / "a.yml")
    (_, vantage), web_check, api_check = config.vantage[0], config.checks["web"], config.checks["api"]
    assert [secret.file for secret in secrets(config.api.token)] == [str(tmp_path / "token")]
    assert [secret.file for secret in secrets(vantage)] == [str(tmp_path / "secrets" / "token")]
    assert [secret.file for secret in secrets(web_check)] == [str(tmp_path / "own" / "secrets" / "token")]
    assert [secret.file for secret in secrets(api_check)] == ["/run/key"]


def test_a_glob_without_a_file_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, a="environment: t\ninclude: ['conf.d/*.yml']\n" + components("api"))
    assert [problem.message for problem in load_config(tmp_path / "a.yml").warnings] == [
        "`conf.d/*.yml` matches no file"
    ]


def test_all_files_together_have_a_limit(tmp_path: Path) -> None:
    write(tmp_path, a="environment: t\n" + components("api"))
    for number in range(17):
        (tmp_path / f"{number}.yml").write_text("x-a: '" + "x" * 1_000_000 + "'\n")
    found = problems(tmp_path / "a.yml", *(tmp_path / f"{number}.yml" for number in range(17)))
    assert found == ["16.yml:1: all files together have more than 16777216 bytes"]


CHECK = "environment: ${{ENV_NAME:-test}}\ncomponents:\n  c: {{layer: service, priority: P1, check: {0}}}\n"


def check(tmp_path: Path, text: str) -> Any:
    (tmp_path / "f.yml").write_text(CHECK.format(text))
    return load_config(tmp_path / "f.yml").checks["c"]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"HOST": "db.test", "PORT": "5433", "NONE": "", "ON": "true", "LIST": "[a, b]", "DOLLAR": "${HOST}"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    for name in ("UNSET", "ENV_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("environment")
def test_variables_are_replaced_in_values(tmp_path: Path) -> None:
    postgres = check(
        tmp_path,
        '{kind: postgres, host: "${HOST}", port: "${PORT}", database: "a${NONE}-${UNSET:-x y}", user: "$$${DOLLAR}$$"}',
    )
    assert (postgres.host, postgres.port, postgres.database) == ("db.test", 5433, "a-x y")
    assert postgres.user == "$${HOST}$"  # what a variable holds is not looked at again


@pytest.mark.usefixtures("environment")
def test_a_value_that_is_only_a_variable_is_a_scalar(tmp_path: Path) -> None:
    http = check(
        tmp_path,
        '{kind: http, url: "http://${HOST}:${PORT}/", follow_redirects: "${ON}", facts: {uptime: $.uptime},'
        ' headers: {X-List: "${LIST}", X-Dollar: "$5", X-Text: "$$"}, method: "${NONE:-GET}"}',
    )
    assert (str(http.url), http.follow_redirects, http.facts) == ("http://db.test:5433/", True, {"uptime": "$.uptime"})
    assert (http.headers, http.method) == ({"X-List": "[a, b]", "X-Dollar": "$5", "X-Text": "$"}, "GET")


@pytest.mark.usefixtures("environment")
def test_patterns_keys_and_commands_are_not_replaced(tmp_path: Path) -> None:
    http = check(
        tmp_path,
        '{kind: http, url: "http://h/", expect: {body: {matches: "a${1}$", not_matches: ["$$"]}, final_host: "h$",'
        ' header: {X-A: "^${HOST}$"}, json: {"$.a": {matches: "^$$"}}}}'.replace("${1}", "$"),
    )
    assert http.expect.body.matches == ("a$$",)
    assert http.expect.body.not_matches == ("$$",)
    assert http.expect.header["X-A"].matches == "^${HOST}$"
    command = check(tmp_path, '{kind: exec, command: [sh, -c, "echo ${HOST} $$"], env: {A: "${HOST}"}}')
    assert (command.command[2], command.env) == ("echo ${HOST} $$", {"A": "db.test"})
    assert check(tmp_path, '{kind: tcp, address: "h:1", steps: [{expect: "^$$"}]}').steps[0].expect == "^$$"


@pytest.mark.usefixtures("environment")
def test_a_variable_that_is_not_set_is_one_error_with_its_line(tmp_path: Path) -> None:
    text = (
        'environment: test\ncomponents:\n  c:\n    layer: ${UNSET}\n    priority: P1\n    depends_on: ["${UNSET}"]\n'
        "    check:\n      kind: postgres\n      host: h\n      port: ${UNSET}\n      database: ${1}\n      user: u\n"
    )
    (tmp_path / "f.yml").write_text(text)
    unset = "the environment variable `UNSET` is not set; write ${UNSET:-default} for a default"
    assert problems(tmp_path / "f.yml") == [
        f"f.yml:4: components.c.layer: {unset}",
        f"f.yml:6: components.c.depends_on[0]: {unset}",
        f"f.yml:10: components.c.check.port: {unset}",
        "f.yml:11: components.c.check.database: `${1}` is not a variable; write `$${1}` for the text",
    ]


@pytest.mark.usefixtures("environment")
def test_a_name_that_sounds_like_a_secret_is_pointed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DB_PASSWORD", "API_KEY", "KEYSPACE"):
        monkeypatch.setenv(name, "x")
    (tmp_path / "f.yml").write_text(
        CHECK.format('{kind: http, url: "http://h/?k=${API_KEY}&p=${DB_PASSWORD}&s=${KEYSPACE}&q=${HOST}"}')
    )
    found = [problem.message.partition(",")[0] for problem in load_config(tmp_path / "f.yml").warnings]
    assert found == ["`API_KEY` sounds like a secret", "`DB_PASSWORD` sounds like a secret"]


@pytest.mark.usefixtures("environment")
def test_variables_of_an_included_list_keep_their_place(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="environment: t\ninclude: [b.yml]\n" + components("api") + "vantage: [{kind: tcp, address: 'h:1'}]\n",
        b="vantage:\n  - kind: tcp\n    address: ${UNSET}\n",
    )
    unset = "the environment variable `UNSET` is not set; write ${UNSET:-default} for a default"
    assert problems(tmp_path / "a.yml") == [f"b.yml:3: vantage[0].address: {unset}"]
