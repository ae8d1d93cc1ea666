# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of example images, and what decides whether one is built again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import build, images
from tests.lab.build import Entry
from tests.lab.errors import LabError


def write(root: Path, text: str) -> Path:
    folder = root / "examples" / "images"
    (folder / "demo").mkdir(parents=True)
    (folder / "demo" / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (folder / "images.yml").write_text(text)
    return root


def test_an_entry_is_an_image_a_tag(tmp_path: Path) -> None:
    text = "images:\n  - {name: demo, context: ., dockerfile: demo/Dockerfile, base: python, tags: [1.0.0, latest], build_args: {V: 1}}\n"
    first, second = images.read(write(tmp_path, text))
    assert (first.tag, second.tag) == ("1.0.0", "latest")
    assert first.context == tmp_path / "examples" / "images"
    assert first.arguments == (("V", "1"),)
    assert first.repositories == ("demo",)


def test_a_stand_in_is_found_by_the_public_name_too(tmp_path: Path) -> None:
    (image,) = images.read(write(tmp_path, "- {name: nginx, context: demo, base: nginx, tags: [latest]}\n"))
    assert image.repositories == ("nginx", "library/nginx")


def test_every_bad_entry_is_named(tmp_path: Path) -> None:
    text = (
        "- {name: demo, context: demo, base: alpine, tags: [a]}\n- {name: demo, context: demo, base: python}\n- nonsense\n"
        "- {name: demo, context: elsewhere, base: python, tags: [a]}\n- {name: demo, context: demo, base: python, tags: [a], tag: b}\n"
    )
    with pytest.raises(LabError) as caught:
        images.read(write(tmp_path, text))
    message = str(caught.value)
    for part in (
        "5 bad entries",
        "[0]: base 'alpine'",
        "[1]: tags missing",
        "[2]: is no mapping",
        "[3]: elsewhere/Dockerfile",
        "[4]: unknown keys tag",
    ):
        assert part in message


def test_the_digest_moves_with_everything_that_goes_in() -> None:
    files = {"a": Entry(b"1"), "b": Entry(b"2")}
    digests = [
        build.digest("FROM x", files, {"BASE": "y"}),
        build.digest("FROM z", files, {"BASE": "y"}),
        build.digest("FROM x", files, {"BASE": "z"}),
        build.digest("FROM x", {**files, "a": Entry(b"1", 0o755)}, {"BASE": "y"}),
        build.digest("FROM x", {**files, "a": Entry(b"3")}, {"BASE": "y"}),
        build.digest("FROM x", {"a": Entry(b"1"), "c": Entry(b"2")}, {"BASE": "y"}),
    ]
    assert len(set(digests)) == len(digests)
    assert digests[0] == build.digest("FROM x", dict(reversed(files.items())), {"BASE": "y"})


def test_a_context_is_without_what_tools_leave_behind(tmp_path: Path) -> None:
    for name in ("app/main.py", "app/__pycache__/main.pyc", ".git/HEAD", ".env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "app/main.py").chmod(0o750)
    assert build.tree(tmp_path) == {".env": Entry(b".env"), "app/main.py": Entry(b"app/main.py", 0o755)}
