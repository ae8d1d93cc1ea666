# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine's apt configuration, read and carried to another suite."""

from __future__ import annotations

import pytest

from tests.lab.apt import Machine, Source, next_files, of_release, parse_deb822, parse_list, preferences

DEB822 = """\
# comment above
Types: deb deb-src
URIs: http://mirror.test/debian http://second.test/debian
Suites: bookworm bookworm-updates
Components: main
# comment inside
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: https://mirror.test/security
Suites: bookworm-security
Components: main contrib
Signed-By: /usr/share/keyrings/a.gpg

Enabled: no
Types: deb
URIs: http://disabled.test
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.test
Suites: bookworm
Components: main
"""


def test_deb822_keeps_enabled_binary_stanzas_with_their_keys() -> None:
    first, second = parse_deb822(DEB822)
    assert first.uris == ("http://mirror.test/debian", "http://second.test/debian")
    assert first.suites == ("bookworm", "bookworm-updates")
    assert dict(first.options)["Signed-By"] == "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc"
    assert second.components == ("main", "contrib")
    assert parse_deb822(first.as_deb822()) == [first]
    assert parse_deb822(second.as_deb822()) == [second]


def test_one_line_sources_with_options() -> None:
    text = """\
    # deb http://no.test x main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib # why
deb http://plain.test/debian bookworm-updates main
deb-src http://source.test bookworm main
"""
    assert parse_list(text) == [
        Source(("http://mirror.test/debian",), ("bookworm",), ("main", "contrib"), (("Signed-By", "/k.gpg"),)),
        Source(("http://plain.test/debian",), ("bookworm-updates",), ("main",)),
    ]


def test_only_the_release_s_own_archives_are_carried() -> None:
    sources = [
        Source(("http://mirror.test",), ("bookworm", "bookworm-updates", "sid"), ("main",)),
        Source(("http://vendor.test",), ("nodistro",), ("main",)),
        Source(("http://other.test",), ("bookworm",), ("stable",)),
    ]
    assert of_release(sources, "bookworm") == [Source(("http://mirror.test",), ("bookworm", "bookworm-updates"), ("main",))]


def machine() -> Machine:
    sources = (
        Source(("http://mirror.test/security",), ("bookworm-security",), ("main",)),
        Source(("http://mirror.test/debian",), ("bookworm", "bookworm-updates"), ("main",)),
    )
    return Machine("bookworm", sources, "", ())


def test_the_next_suite_comes_from_the_same_archives() -> None:
    assert machine().mirror == "http://mirror.test/debian"
    carried = parse_deb822(machine().sources_for("trixie"))
    assert [source.suites for source in carried] == [("trixie-security",), ("trixie", "trixie-updates")]
    assert [source.uris for source in carried] == [("http://mirror.test/security",), ("http://mirror.test/debian",)]


def test_the_next_suite_is_borrowed_from_only_where_it_must() -> None:
    assert next_files(machine(), "trixie") == {}
    sources, pins = next_files(machine(), "bookworm").values()
    assert "Suites: trixie trixie-updates" in sources
    assert "docker.io" in pins


def test_the_newest_engine_comes_from_the_suite_after_that_and_brings_nothing_else() -> None:
    sources, pins = next_files(machine(), "trixie", newest=True).values()
    assert "Suites: forky forky-updates" in sources and "bookworm" not in sources
    assert "docker-compose" in pins and "runc" not in pins and "cosign" not in pins


@pytest.mark.parametrize(("package", "priority"), [("*", "50"), ("docker.io cosign", "990")])
def test_everything_else_of_the_next_suite_stays_out(package: str, priority: str) -> None:
    stanzas = preferences("trixie", ["docker.io", "cosign"]).split("\n\n")
    (stanza,) = [one for one in stanzas if one.startswith(f"Package: {package}\n")]
    assert f"Pin-Priority: {priority}" in stanza
    assert "Pin: release n=trixie" in stanza
