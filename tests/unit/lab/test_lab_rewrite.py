# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab changes in the example trees."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from plugins.module_utils.system import trees
from tests.lab.errors import LabError
from tests.lab.rewrite import Places, tree_sha256
from tests.lab.tap import Upstream, index

PLACES = Places("registry.lab.test:5000", "git://10.0.0.11", "http://10.0.0.13")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("url: https://git.example.org/avs/demo.git\n", "url: git://10.0.0.11/demo.git\n"),
        ("url: 'https://git.example.org/demo'", "url: 'git://10.0.0.11/demo.git'"),
        ("{url: https://git.example.org/demo.git, x: 1}", "{url: git://10.0.0.11/demo.git, x: 1}"),
        ("image: registry.example.org/demo-avs:1.0.0", "image: registry.lab.test:5000/demo-avs:1.0.0"),
        ("- https://artifacts.example.org/eigenda/g1.point", "- http://10.0.0.13/eigenda/g1.point"),
        ("mailto:security@demo.example.org", "mailto:security@demo.example.org"),
        ("image: my.registry.example.org/demo", "image: my.registry.example.org/demo"),
    ],
)
def test_servers_are_renamed_and_nothing_else(before: str, after: str) -> None:
    assert PLACES.text(before) == after


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_checksums_follow_but_wrong_ones_stay_wrong() -> None:
    compose = b"image: registry.example.org/demo:1\n"
    binary = b"\xff\xfe registry.example.org/"
    listing = f"{sha(compose)}  pkg/a.yml\n{sha(binary)} *pkg/b.bin\n{'0' * 64}  pkg/c.yml\nnot a line\n{'1' * 64}  pkg/gone\n"
    files = {"checksum.txt": listing.encode(), "pkg/a.yml": compose, "pkg/b.bin": binary, "pkg/c.yml": compose}
    changed = PLACES.tree(files)
    assert changed["pkg/a.yml"] == b"image: registry.lab.test:5000/demo:1\n"
    assert changed["pkg/b.bin"] == binary
    assert changed["checksum.txt"].decode().splitlines() == [
        f"{sha(changed['pkg/a.yml'])}  pkg/a.yml",
        f"{sha(binary)} *pkg/b.bin",
        f"{'0' * 64}  pkg/c.yml",
        "not a line",
        f"{'1' * 64}  pkg/gone",
    ]


def test_tree_digest_is_the_collection_s(tmp_path: Path) -> None:
    files = {"pkg/b.yml": b"b", "pkg/a/z.yml": b"z", "pkg/a-.yml": b"-"}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert tree_sha256(files) == trees.tree_digest(str(tmp_path))


UPSTREAM = Upstream("git://10.0.0.11/eigenda-operator-setup.git", {"2.7.0": "a" * 40}, {"2.7.0": "b" * 64})


def test_the_adapter_points_at_the_lab_s_upstream() -> None:
    text = (
        "source:\n  git: https://github.com/Layr-Labs/eigenda-operator-setup.git\n"
        f"  commit: 64bcf47029b6c74994b9e840feef3659ce67944d\n  tree_sha256: {'0' * 64}\n"
        "contact: {announcements: https://github.com/Layr-Labs/eigenda-operator-setup/releases}\n"
    )
    document = yaml.safe_load(UPSTREAM.text(text))
    assert document["source"] == {"git": UPSTREAM.url, "commit": "a" * 40, "tree_sha256": "b" * 64}
    assert document["contact"]["announcements"].endswith("Layr-Labs/eigenda-operator-setup/releases")


def test_the_index_names_the_commits_that_are_served() -> None:
    text = (
        "name: demo\nurl: git://10.0.0.11/demo.git\nexpires: 2099-12-31T00:00:00Z\n"
        "versions:\n  - {version: v1.0.0, commit: '0', tree_sha256: '0'}\n  - {version: v1.1.0, commit: '0'}\n"
    )
    commits = {"demo": {"v1.0.0": "a" * 40, "v1.1.0": "b" * 40}}
    document = yaml.safe_load(index("packages/demo.yml", text, commits, {("demo", "v1.0.0"): "c" * 64}))
    assert document["versions"] == [
        {"version": "v1.0.0", "commit": "a" * 40, "tree_sha256": "c" * 64},
        {"version": "v1.1.0", "commit": "b" * 40},
    ]
    with pytest.raises(LabError, match=r"v1\.1\.0"):
        index("packages/demo.yml", text, {"demo": {"v1.0.0": "a" * 40}}, {("demo", "v1.0.0"): "c" * 64})
