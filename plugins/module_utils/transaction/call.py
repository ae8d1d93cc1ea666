# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call to this library and its result, whoever passes it on: a module, or the copy of the library on the host.

What a cut left of an upgrade is ended before anything else is done to its instance.
"""

from __future__ import annotations

import syslog
from collections.abc import Mapping
from typing import Any, Callable

from ..boot.settle import settle
from ..common.errors import AvsError
from ..docker.engine import Engine
from ..instance.store import host_store
from ..reconcile.job import Call
from ..reconcile.reconcile import reconcile
from ..system.command import RunCommand


def answer(
    call: Mapping[str, Any], run_command: RunCommand, via: str, leave: Callable[[Mapping[str, Any]], None] | None = None
) -> dict[str, Any]:
    """The result of a call: ``document``, ``secret_values`` (instance -> name -> value), ``check`` and ``diff``.

    ``via`` is who passes it on, for the host's log; ``leave`` gets the result before units are made, which call what it leaves. A refusal
    is a result as well, with ``failed``, ``msg`` and ``findings``.
    """
    if call["document"].get("log"):
        _log(call["document"], via)
    try:
        asked = Call(call["document"], call.get("secret_values"), bool(call.get("check")), bool(call.get("diff")))
        if call["document"].get("complete"):
            if "upgrade" in call["document"]:
                from .begun import upgraded

                return upgraded(call, run_command)
            from ..instance.transaction import any_begun

            if not asked.dry and any_begun(host_store(), call["document"].get("specs") or ()):
                from .cut import end_what_was_cut

                end_what_was_cut(call, run_command)
        result = reconcile(asked, Engine(run_command))
        if any(entry.get("went_back") for entry in result["instances"]):
            put_right(call, run_command, result)
        if "upgrade" in call["document"]:
            result["installed"] = installed(asked)
        if leave is not None:
            leave(result)
        if "needs" not in result and not call["document"].get("trial"):
            settle(result, run_command, asked.dry)
        return result
    except AvsError as error:
        return {"failed": True, "changed": False, **error.as_result(), **_recorded(call)}
    except OSError as error:
        from ..system.full import os_error_text

        # No findings: as of any call that died, how far it came is not known.
        return {"failed": True, "msg": f"{os_error_text(error, host_store().root)}; how far it came is not known, run again"}


def _recorded(call: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of this host, as far as its records know them, where its engine could not be asked: they may be at work all the same, or be so again."""
    from ..status.held import held

    if call["document"].get("complete"):
        return {}
    try:
        store = host_store()
        return {"held": [held(store, name, None) for name in store.ids()]}
    except AvsError:
        return {}


def put_right(call: Mapping[str, Any], run_command: RunCommand, result: dict[str, Any]) -> None:
    """What a change came to nothing for is started as it was, and the result says so."""
    from ..reconcile.control import start_what_went_back
    from ..reconcile.reconcile import failures
    from .cut import way_of

    start_what_went_back(host_store(), Engine(run_command), result["instances"], way_of(call))
    result.update(failures(result["instances"]))


def installed(asked: Call) -> dict[str, str | None]:
    """Id -> installed version, of what a document names."""
    store = host_store()
    names = [str(spec.get("id")) for spec in asked.document.get("specs") or ()]
    states = {name: store.instance(name).known() for name in names}
    return {
        name: state.package.version for name, state in states.items() if state is not None and state.installed and state.package is not None
    }


def _log(document: Mapping[str, Any], via: str) -> None:
    """Who has this host reconciled: a run that finds nothing to do leaves no other trace."""
    syslog.openlog("restaking.avs", syslog.LOG_PID, syslog.LOG_USER)
    syslog.syslog(f"{len(document.get('specs') or ())} instances, for {document.get('holder')}, by {via}")
