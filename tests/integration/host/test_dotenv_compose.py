# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values put into ``.env`` files are read back literally by compose itself, for interpolation and for ``env_file`` alike."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from ansible_collections.restaking.avs.plugins.module_utils.docker import dotenv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = [f"V{number}" for number in range(12)]
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30) | st.text(
    alphabet="\\\"'$#{} nrtx0=:\t`", max_size=16
)
# How a vendor may have written a line; {} is the name.
LINES = st.sampled_from([
    "{}=plain",
    "{}=",
    "{}=   # nothing",
    "{}= spaced out  # with a comment",
    "export {}=exported",
    "{}: yaml style",
    "{}='single $quoted #'",
    "{}='two\nlines' # and a comment",
    '{}="double \\" # quoted"',
    '{}="three\n\nlines \\$X" ',
    "{}=${{V0}}-chained",
    "  {}  =  blanks",
    "{}",
])  # fmt: skip
BETWEEN = st.sampled_from(
    ["", "\n", "# a comment\n", "# V0=not me\n", "   # indented ' quote\n", "OTHER=1 # x\n", "TEXT='V0=in a quote\nV1=too'\n"]
)


@st.composite
def vendor_file(draw: st.DrawFn) -> str:
    lines = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=16)):
        lines.append(draw(BETWEEN))
        lines.append(draw(LINES).format(name) + draw(st.sampled_from(["\n", "\n", "\r\n"])))
    text = "".join(lines)
    return text.rstrip("\n") if draw(st.booleans()) else text


def read_back(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """What a service sees of the variables by interpolation and by ``env_file``."""
    services = {
        "by-name": {"image": "none", "environment": {name: "${" + name + "}" for name in NAMES}},
        "by-file": {"image": "none", "env_file": [".env"]},
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, ".env").write_bytes(text.encode())
        Path(folder, "compose.json").write_text(json.dumps({"services": services}))
        done = subprocess.run(
            ["docker", "compose", "--project-directory", folder, "-p", "p", "-f", f"{folder}/compose.json", "--env-file", f"{folder}/.env",
             "config", "--format", "json"],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"},
            capture_output=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, (text, done.stderr.decode())
    model = json.loads(done.stdout)["services"]
    undoubled = [
        {name: value.replace("$$", "$") for name, value in model[service]["environment"].items()} for service in ("by-name", "by-file")
    ]
    return undoubled[0], undoubled[1]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(vendor_file(), st.lists(VALUES, min_size=len(NAMES), max_size=len(NAMES)))
def test_compose_reads_values_back_literally(text: str, given_values: list[str]) -> None:
    values = dict(zip(NAMES, given_values))
    edited = dotenv.put({".env": text}, values)[".env"]
    by_name, by_file = read_back(edited)
    assert by_name == values
    assert {name: by_file[name] for name in NAMES} == values
    if "TEXT=" in text:
        assert by_file["TEXT"] == "V0=in a quote\nV1=too"
