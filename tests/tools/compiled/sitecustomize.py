# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For Ansible's programs that tests start by the hundred: what they compiled of a collection is kept for the next one.

Python keeps what it compiled of any module, Ansible's loader of collections nothing: each start compiles our code again. Who has this folder in
``PYTHONPATH`` gets what was made of the same bytes by the same Python, under the name it is loaded by, and else what ``compile`` makes.
Molecule, the demonstration and the jobs of a runner do without: what would be hidden here is seen there.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import tempfile
import types
from contextlib import suppress

KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", ".cache", "compiled")
# A change of how it is kept is a change of this.
_FORM = f"1 {sys.version} {sys.implementation.cache_tag} {sys.flags.optimize}"


def compiled(source: str | bytes, filename: str, mode: str, flags: int, dont_inherit: bool) -> types.CodeType:
    """As ``compile``, which the loader calls so. Raises what that raises."""
    content = source.encode() if isinstance(source, str) else source
    place = os.path.join(KEPT, hashlib.sha256(f"{_FORM} {mode} {flags} {dont_inherit}\0".encode() + content).hexdigest())
    with suppress(OSError, ValueError, EOFError, TypeError):
        with open(place, "rb") as handle:
            found = marshal.loads(handle.read())
        if isinstance(found, types.CodeType):
            return named(found, filename)
    code: types.CodeType = compile(source, filename, mode, flags, dont_inherit)
    with suppress(OSError):
        _keep(place, marshal.dumps(code))
    return code


def named(code: types.CodeType, filename: str) -> types.CodeType:
    """The same code, of another file: tracebacks and ``inspect`` go by it."""
    if code.co_filename == filename:
        return code
    inner = tuple(named(item, filename) if isinstance(item, types.CodeType) else item for item in code.co_consts)
    return code.replace(co_filename=filename, co_consts=inner)


def _keep(place: str, content: bytes) -> None:
    """Whole or not at all: many write the same at once."""
    os.makedirs(KEPT, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=KEPT)
    try:
        with os.fdopen(handle, "wb") as whole:
            whole.write(content)
        os.replace(beside, place)
    except OSError:
        os.unlink(beside)
        raise


if os.path.basename((sys.orig_argv[1:] or [""])[0]).startswith("ansible"):
    from ansible.utils.collection_loader import _collection_finder

    # What its modules call is this name of its module first.
    _collection_finder.compile = compiled
