# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: found, pulled, asked for, and what their registries say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done, Engine
from ansible_collections.restaking.avs.plugins.module_utils.docker.images import ImageKeeper, platforms_of, pull_problem
from ansible_collections.restaking.avs.plugins.module_utils.docker.references import digest_of, repository_of
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.unit.support.models import told


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.25", "docker.io/library/nginx"),
        ("org/app:1", "docker.io/org/app"),
        ("docker.io/library/nginx@sha256:" + "0" * 64, "docker.io/library/nginx"),
        ("registry:5000/app", "registry:5000/app"),
        ("ghcr.io/a/b/c:v1", "ghcr.io/a/b/c"),
        ("localhost/app:1", "localhost/app"),
    ],
)
def test_repository_of(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository


def test_digest_of_is_the_references_own() -> None:
    image = {"Id": "sha256:id", "RepoDigests": ["other/app@sha256:1", "nginx@sha256:2"]}
    assert digest_of("docker.io/library/nginx:1", image) == "nginx@sha256:2"
    assert digest_of("mine/app:1", image) == "sha256:id"
    assert digest_of("mine/app:1", {"Id": "sha256:id", "RepoDigests": None}) == "sha256:id"


@pytest.mark.parametrize(
    ("said", "rule", "words"),
    [
        ("manifest for r.test/app:1 not found: manifest unknown: manifest unknown", "IMG-006", "does not exist at r.test"),
        ('Get "https://r.test/v2/": dial tcp 1.2.3.4:443: connect: connection refused', "IMG-006", "cannot be reached"),
        ('Get "https://r.test/v2/": dial tcp: lookup r.test: no such host', "IMG-006", "cannot be reached"),
        (
            "pull access denied for app, repository does not exist or may require 'docker login'",
            "IMG-006",
            "does not exist at r.test, or needs a login",
        ),
        ("unauthorized: authentication required", "IMG-006", "does not let this host"),
        ("no matching manifest for linux/arm64 in the manifest list entries", "IMG-005", "linux/arm64"),
        ("something new", "IMG-006", "something new"),
        # An engine with containerd's store.
        (
            "no matching manifest for linux/arm64 in the manifest list entries: no match for platform in manifest: not found",
            "IMG-005",
            "linux/arm64",
        ),
        ('failed to resolve reference "r.test/app:1": r.test/app:1: not found', "IMG-006", "does not exist at r.test"),
        (
            'failed to resolve reference "r.test/app:1": failed to do request: Head "https://r.test/v2/app/manifests/1": dial tcp: '
            "lookup r.test on 10.0.0.1:53: no such host",
            "IMG-006",
            "cannot be reached",
        ),
    ],
)
def test_pull_problems(said: str, rule: str, words: str) -> None:
    found = pull_problem("r.test/app:1", Done(1, "", f"Error response from daemon: {said}\n"), "linux/arm64")
    assert found[0] == rule
    assert words in found[1]


def test_words_of_an_images_name_say_nothing_of_its_pull() -> None:
    name = "r.test/denied/not-found-timeout:1"
    said = f'failed to resolve reference "{name}": failed to do request: Head "https://r.test/v2/denied/not-found-timeout/manifests/1": odd'
    assert pull_problem(name, Done(1, "", f"Error response from daemon: {said}\n"), "linux/amd64") == (
        "IMG-006",
        f"{name} cannot be pulled: {said}",
    )


class Shelf(Engine):
    """An engine with some images, and a registry with others."""

    def __init__(self, here: dict[str, dict[str, Any]], there: dict[str, dict[str, Any]]) -> None:
        super().__init__(run_command, "/nonexistent")
        self.here, self.there, self.pulled, self.asked = here, there, list[str](), list[str]()
        self.ways: dict[str, Any] = {}
        self._versions, self._platform = ("26.1", "2.26"), "linux/amd64"

    def run(self, arguments: Any, *_rest: Any, **_more: Any) -> Done:
        name = arguments[-1]
        if arguments[0] == "info":
            return Done(0, json.dumps(self.ways), "")
        if arguments[0] == "manifest":
            self.asked.append(name)
            if name not in self.there:
                return Done(1, "", f"no such manifest: {name}")
            built = {"os": "linux", "architecture": self.there[name]["Architecture"]}
            return Done(0, json.dumps({"Ref": name, "Descriptor": {"platform": built}}), "")
        assert arguments[0] == "pull"
        self.pulled.append(name)
        if name not in self.there:
            return Done(1, "", "manifest unknown")
        self.here[name] = self.there[name]
        return Done(0, "", "")

    def images(self, references: Any) -> dict[str, dict[str, Any]]:
        return {name: self.here[name] for name in references if name in self.here}


def image(digest: str | None, platform: str = "amd64", user: str = "") -> dict[str, Any]:
    digests = [f"r.test/app@sha256:{digest}"] if digest else []
    return {"Id": "sha256:local", "RepoDigests": digests, "Os": "linux", "Architecture": platform, "Config": {"User": user}}


def test_what_is_here_is_not_pulled() -> None:
    keeper = ImageKeeper(Shelf({"r.test/app:1": image("aa", user="5")}, {}))
    found = keeper.find("x", {"a": "r.test/app:1", "b": "r.test/app:1"}, {})
    assert (found.lock, found.missing, found.users) == ({"r.test/app:1": "r.test/app@sha256:aa"}, [], {"r.test/app:1": "5"})


def test_a_recorded_digest_wins_over_a_moved_tag() -> None:
    recorded = {"r.test/app:1": "r.test/app@sha256:old"}
    shelf = Shelf({"r.test/app:1": image("new")}, {"r.test/app@sha256:old": image("old")})
    keeper = ImageKeeper(shelf)
    found = keeper.find("x", {"a": "r.test/app:1"}, recorded)
    assert found.missing == ["r.test/app:1"]
    assert keeper.pull("x", found.missing, recorded) == []
    assert shelf.pulled == ["r.test/app@sha256:old"]
    assert keeper.find("x", {"a": "r.test/app:1"}, recorded).lock == recorded


def test_what_is_no_reference_is_not_asked_for() -> None:
    """Its answer could be one the package wrote itself, told of the image of another instance."""
    forged = {"--format={{...}}": image("ff"), "sha256:12ab": image("ff"), "deadbeef": image("ff"), "r.test/app:1": image("aa")}
    found = ImageKeeper(Shelf(forged, {})).find("x", {str(number): name for number, name in enumerate(forged)}, {})
    assert (found.lock, found.missing) == ({"r.test/app:1": "r.test/app@sha256:aa"}, [])


def test_a_lock_of_another_repository_is_not_believed() -> None:
    recorded = {"r.test/app:1": "evil.test/app@sha256:ee"}
    shelf = Shelf({"evil.test/app@sha256:ee": image("ee"), "r.test/app:1": image("aa")}, {"r.test/app:1": image("aa")})
    assert ImageKeeper(shelf).find("x", {"a": "r.test/app:1"}, recorded).lock == {"r.test/app:1": "r.test/app@sha256:aa"}
    del shelf.here["r.test/app:1"]
    assert ImageKeeper(shelf).pull("x", ["r.test/app:1"], recorded) == []
    assert shelf.pulled == ["r.test/app:1"]


def test_two_instances_keep_their_own_locks() -> None:
    """One installed before the tag moved, one after: neither is told what the other has."""
    old, new = "r.test/app@sha256:old", "r.test/app@sha256:new"
    shelf = Shelf({old: image("old"), "r.test/app:1": image("new")}, {})
    keeper = ImageKeeper(shelf)
    for recorded, expected in (({"r.test/app:1": old}, old), ({}, new), ({"r.test/app:1": old}, old)):
        assert keeper.find("x", {"a": "r.test/app:1"}, recorded).lock == {"r.test/app:1": expected}


def test_a_local_image_that_is_gone_is_looked_for_by_name() -> None:
    recorded = {"r.test/app:1": "sha256:gone"}
    keeper = ImageKeeper(Shelf({"r.test/app:1": image("aa")}, {}))
    assert keeper.find("x", {"a": "r.test/app:1"}, recorded).lock == {"r.test/app:1": "r.test/app@sha256:aa"}
    shelf = Shelf({}, {"r.test/app:1": image("aa")})
    assert ImageKeeper(shelf).pull("x", ["r.test/app:1"], recorded) == []
    assert shelf.pulled == ["r.test/app:1"]


def test_a_local_image_whose_tag_moved_on_is_found_by_its_content() -> None:
    # As containerd's store has it: the name by digest went with the tag, what a container runs on stays.
    recorded = {"local/app:1": "local/app@sha256:old"}
    keeper = ImageKeeper(Shelf({"sha256:old": image("old"), "local/app:1": image("new")}, {}))
    found = keeper.find("x", {"a": "local/app:1"}, recorded)
    assert (found.lock, found.missing) == ({"local/app:1": "sha256:old"}, [])


def test_a_missing_image_is_pulled_once_and_told_for_every_instance() -> None:
    shelf = Shelf({}, {})
    keeper = ImageKeeper(shelf)
    for instance in ("x", "y"):
        assert told(keeper.pull(instance, ["r.test/app:1"], {})) == [("IMG-006", "error", "images.r.test/app:1")]
    assert shelf.pulled == ["r.test/app:1"]


def test_what_could_not_be_pulled_is_known_without_pulling() -> None:
    shelf = Shelf({}, {"r.test/app:1": image("aa"), "r.test/arm:1": image("bb", "arm64")})
    keeper = ImageKeeper(shelf)
    wanted = ["r.test/app:1", "r.test/arm:1", "r.test/gone:1"]
    for instance in ("x", "y"):
        assert told(keeper.ask(instance, wanted, {})) == [
            ("IMG-005", "error", "images.r.test/arm:1"),
            ("IMG-006", "error", "images.r.test/gone:1"),
        ]
    assert (shelf.asked, shelf.pulled) == (wanted, [])


@pytest.mark.parametrize(
    ("ways", "asked"),
    [
        ({"RegistryConfig": {"Mirrors": None}, "HttpProxy": ""}, ["app:1", "r.test/app:1"]),
        ({"RegistryConfig": {"Mirrors": ["https://mirror.test/"]}}, ["r.test/app:1"]),
        ({"HttpsProxy": "http://proxy.test"}, []),
        ({"RegistryConfig": {"IndexConfigs": {"r.test": {"Secure": False}}}}, ["app:1"]),
        ({"RegistryConfig": {"IndexConfigs": {"r.test": {"Secure": True}}}}, ["app:1", "r.test/app:1"]),
    ],
)
def test_only_the_engine_knows_its_proxies_and_mirrors(ways: dict[str, Any], asked: list[str]) -> None:
    shelf = Shelf({}, {})
    shelf.ways = ways
    ImageKeeper(shelf).ask("x", ["app:1", "r.test/app:1"], {})
    assert shelf.asked == asked


@pytest.mark.parametrize(
    ("name", "asked"),
    [("localhost:5000/app:1", False), ("127.0.0.1:5000/app:1", False), ("10.1.2.3/app:1", False), ("10.2.0.1/app:1", True)],
)
def test_addresses_an_engine_trusts_without_tls(name: str, asked: bool) -> None:
    shelf = Shelf({}, {})
    shelf.ways = {"RegistryConfig": {"InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8", "10.1.0.0/16"]}}
    ImageKeeper(shelf).ask("x", [name], {})
    assert shelf.asked == ([name] if asked else [])


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({"Descriptor": {"platform": {"os": "linux", "architecture": "amd64"}}}, {"linux/amd64"}),
        (
            [{"Descriptor": {"platform": {"os": "linux", "architecture": name, "variant": "v8"}}} for name in ("arm64", "amd64")],
            {"linux/amd64", "linux/arm64"},
        ),
        ([{"Descriptor": {}}], {"/"}),
    ],
)  # fmt: skip
def test_platforms_an_image_is_built_for(manifest: Any, expected: set[str]) -> None:
    assert platforms_of(manifest) == expected


def test_an_image_for_another_platform() -> None:
    keeper = ImageKeeper(Shelf({"r.test/app:1": image("aa", "arm64")}, {}))
    assert told(keeper.find("x", {"a": "r.test/app:1"}, {}).findings) == [("IMG-005", "error", "services.a.image")]
