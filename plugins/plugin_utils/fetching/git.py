# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs git on untrusted repositories: nothing of theirs is executed, nothing asks, no credential is shown."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ..parsing.text import scrub
from .git_url import GitUrl

# What an operator may have set for the way to a server; everything else of GIT_* could redirect us to another repository.
_KEPT = ("GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY", "GIT_CONFIG_", "GIT_ASKPASS", "GIT_EXEC_PATH")
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "protocol.ext.allow=never",
    "filter.lfs.required=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "advice.detachedHead=false",
)


class GitError(Exception):
    """git ended with an error; the message is its own, credentials removed."""


def _environment(protocols: Sequence[str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith(_KEPT)}
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols),
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }


@contextlib.contextmanager
def _credentials(url: GitUrl | None) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Settings that hand git the URL's credentials out of memory, for that server only: not by arguments, environment or disk."""
    if url is None or url.username is None:
        yield [], ()
        return
    text = f"username={url.username}\npassword={url.password or ''}\n"
    if "\0" in text or text.count("\n") != 2:
        raise GitError("the address has a line break in its credentials")
    descriptor = _in_memory(text.encode())
    try:
        parts = urlsplit(url.url)
        setting = f"credential.{parts.scheme}://{parts.netloc}.helper"
        helper = f'!f() {{ test "$1" = get && cat /dev/fd/{descriptor}; }}; f'
        yield ["-c", f"{setting}=", "-c", f"{setting}={helper}"], (descriptor,)
    finally:
        os.close(descriptor)


def _in_memory(content: bytes) -> int:
    """A descriptor to read the content from. Where there are no memory files (not Linux) it can be read once only."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("credential")
        os.write(descriptor, content)
        return descriptor
    descriptor, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    return descriptor


def with_settings(settings: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Arguments for ``run_git`` under settings (``name=value``) that hold for this one command."""
    return [*(part for setting in settings for part in ("-c", setting)), *arguments]


def run_git(
    folder: Path, arguments: Sequence[str], *, url: GitUrl | None = None, stdin: bytes | None = None, timeout: float = 120
) -> bytes:
    """Standard output of ``git -C folder ...``; ``arguments`` may begin with settings of git's (``with_settings``). ``url`` brings its
    protocols and credentials; without one git may reach nothing.

    Raises ``GitError``; ``timeout`` is in seconds, after it git and its children are killed.
    """
    with _credentials(url) as (credentials, descriptors):
        command = ["git", "-C", str(folder), *with_settings(_SETTINGS, [*credentials, *arguments])]
        try:
            # A session of its own: ssh finds no terminal to ask on, and a timeout reaches git's children too.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(url.protocols if url else ("none",)),
                pass_fds=descriptors,
                start_new_session=True,
            )
        except OSError as error:
            raise GitError(f"git cannot be run on the controller: {error.strerror}") from None
        try:
            output, errors = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise GitError(f"git did not finish within {timeout:.0f} seconds") from None
    if process.returncode:
        raise GitError(_summary(errors.decode("utf-8", "replace"), url) or f"git ended with status {process.returncode}")
    return output


def _summary(errors: str, url: GitUrl | None) -> str:
    """The lines of git that say why, on one line."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:")) or "denied" in line.lower()] or lines
    text = scrub("; ".join(telling[:4]))
    if url is not None and url.password:
        text = text.replace(url.password, "***")
    return text[:600]
