# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads: problems, and the table of the fleet."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.filter.status_table import FilterModule, status_table
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.wording import failures_text, problems_text


def found(place: str, message: str, remedy: str = "") -> Finding:
    return Finding("INV-001", "error", place, message, remedy)


def test_problems_grouped_by_instance() -> None:
    text = problems_text(
        {"avs_instances[0]": "mock-avs v5.5.2, profile option-returner"},
        [
            found("avs_instances[0].options.test-option-hidden", "a value is required (hidden option)", "keep it in a secret store"),
            found("avs_instances[0].options.main-port", "80800 is not a port (1-65535)", "set avs_instances[0].options.main-port"),
            found("avs_instances[10].tag", "is missing", "Correct it."),
            found("avs_instances[2]: pkg/manifest.yml", "is missing"),
            found("", "the tap is gone", "Check it."),
        ],
        "host7",
    )
    port = "  options.main-port: 80800 is not a port (1-65535)"
    hidden = "  options.test-option-hidden: a value is required (hidden option)"
    assert text.splitlines() == [
        "mock-avs v5.5.2, profile option-returner: 2 problems",
        f"{port.ljust(len(hidden))}  set avs_instances[0].options.main-port",
        f"{hidden}  keep it in a secret store",
        "avs_instances[2]: 1 problem",
        "  pkg/manifest.yml: is missing",
        "avs_instances[10]: 1 problem",
        "  tag: is missing  Correct it.",
        "1 problem",
        "  the tap is gone  Check it.",
        "nothing was changed on host7",
    ]


def test_places_of_a_host_are_grouped_by_instance() -> None:
    problems = [
        found("demo-avs-op1", "wants v1.1.0"),
        found("demo-avs-op1: services.node", "is privileged"),
        found("demo-avs-op10.ports", "is taken"),
        found("engine", "is old"),
        found("demo-avs-old.keys.bls", "is used by demo-avs-op1 too"),
    ]
    text = problems_text({"demo-avs-op1": "one", "demo-avs-op10": "ten"}, problems, "h")
    assert text.splitlines() == [
        "demo-avs-old: 1 problem",
        "  keys.bls: is used by demo-avs-op1 too",
        "one: 2 problems",
        "  wants v1.1.0",
        "  services.node: is privileged",
        "ten: 1 problem",
        "  ports: is taken",
        "demo-avs-op1, demo-avs-op10: 1 problem",
        "  engine: is old",
        "nothing was changed on h",
    ]


def test_one_cause_is_one_problem() -> None:
    sealed = [found(f"avs_instances[0].keys.{name}", "the store is sealed", "Unseal it.") for name in ("bls", "ecdsa")]
    assert problems_text({}, sealed, "h").splitlines()[:2] == [
        "avs_instances[0]: 1 problem",
        "  keys.bls, keys.ecdsa: the store is sealed  Unseal it.",
    ]


def test_what_is_wrong_with_one_package_is_said_once_of_all_its_instances() -> None:
    labels = {f"avs_instances[{number}]": f"demo-avs v1.0.0, profile hoodi, demo-avs-op{number}" for number in range(3)}
    missing = [found(f"avs_instances[{number}]: checksum.txt", "is missing", "Add it.") for number in range(3)]
    text = problems_text(labels, [*missing, found("avs_instances[1].tag", "is wrong")], "h")
    assert text.splitlines() == [
        "demo-avs v1.0.0, profile hoodi, demo-avs-op0; demo-avs v1.0.0, profile hoodi, demo-avs-op2: 1 problem",
        "  checksum.txt: is missing  Add it.",
        "demo-avs v1.0.0, profile hoodi, demo-avs-op1: 2 problems",
        "  tag: is wrong",
        "  checksum.txt: is missing  Add it.",
        "nothing was changed on h",
    ]


def test_no_reassurance_after_a_change() -> None:
    assert "nothing was changed" not in problems_text({}, [found("x", "y")], "h", changed=True)


RESULT: dict[str, Any] = {
    "instances": [
        {
            "id": "demo-avs-op1", "version": "v1.0.0", "commit": "0123456789abcdef0123", "profile": "hoodi", "state": "started",
            "health": {"status": "healthy", "detail": "well,\n\x1b[2Jso"},
            "images": {"node": "registry.example.org/demo@sha256:aabbccddeeff00112233", "gateway": "demo:v1"},
            "keystores": {"ecdsa": {"fingerprint": "sha256:1111"}, "bls": {"fingerprint": "sha256:2222"}},
        },
        {"id": "a-avs-x", "version": None, "keystores": {}, "images": {}, "health": None, "state": "absent"},
    ]
}  # fmt: skip


def test_the_table() -> None:
    lines = status_table({"host2": {"instances": []}, "host1": RESULT, "host3": {"unreachable": True}}).splitlines()
    assert lines[0].split() == ["host", "instance", "version", "commit", "profile", "state", "health", "image", "keys", "detail"]
    assert lines[1].split() == ["host1", "a-avs-x", "-", "-", "-", "absent", "-", "-", "-", "-"]
    assert lines[2].split() == [
        "host1", "demo-avs-op1", "v1.0.0", "0123456789ab", "hoodi", "started", "healthy",
        "gateway=demo:v1,node=aabbccddeeff", "bls=sha256:2222,ecdsa=sha256:1111", "well,", "\\x1b[2Jso",
    ]  # fmt: skip
    assert lines[3].startswith("host2  (no instances)") and lines[4].startswith("host3  (no result)")
    assert lines[0].index("instance") == lines[2].index("demo-avs-op1")
    assert not any(line.endswith(" ") for line in lines)


def test_the_filter_is_offered() -> None:
    assert FilterModule().filters()["status_table"]({}).split() == list(status_table({}).split())


def test_anything_but_results() -> None:
    with pytest.raises(AnsibleFilterError, match="not a list"):
        status_table([RESULT])


def test_a_cell_draws_no_line_of_its_own() -> None:
    evil = {
        "instances": [{"id": "a-1", "version": "v1\x1b[1A\r", "images": {"x\ny": "z\u202e"}, "keystores": {"k\x9b": {"fingerprint": "f"}}}]
    }
    table = status_table({"h": evil})
    assert len(table.splitlines()) == 2 and all(char.isprintable() or char == "\n" for char in table)
    assert "v1\\x1b[1A" in table and "k\\x9b=f" in table


def test_what_failed_while_it_was_done() -> None:
    """The shortest first: the count, the instance, its problem and the remedy; then what the container logged, once."""
    problem = {"id": "OPS-006", "severity": "error", "place": "a-1", "message": "node has exited; last lines of node:\n    one\n    two",
               "remedy": "Read more."}  # fmt: skip
    entries = [
        {"id": "a-1", "error": "a-1 did not become healthy\n  a-1: node has exited ...", "findings": [problem]},
        {"id": "b-2", "error": None},
        {"id": "c-3", "error": "c-3: unexpected ValueError: x"},
    ]
    assert failures_text({"a-1": "demo v1, a-1"}, entries, "h").splitlines() == [
        "2 of 3 instances failed on h",
        "demo v1, a-1: did not become healthy",
        "  node has exited; last lines of node:  Read more.",
        "    one",
        "    two",
        "c-3: unexpected ValueError: x",
    ]
