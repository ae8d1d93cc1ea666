# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rollout as one HTML file, for a screen of any width and for paper. Nothing in it is fetched, and nothing in it runs."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ..reports.text import one_line
from .outcome import BAD, DONE
from .report import PASSED, Model, way_of

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --back: #ffffff; --card: #f6f8fa;
  --good: #116329; --bad: #a40e26; --wait: #7d4e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1; --line: #30363d; --back: #0d1117; --card: #161b22;
  --good: #56d364; --bad: #ff7b72; --wait: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.25rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
.good::before { content: "\\2713\\a0"; } .bad::before { content: "\\2717\\a0"; } .wait::before { content: "\\2013\\a0"; }
.why { border-left: .25rem solid var(--bad); padding: .25rem .75rem; background: var(--card); }
ol.waves { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
ol.waves li { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; background: var(--card); overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
code { font: .875em/1.4 ui-monospace, "SFMono-Regular", Menlo, monospace; }
ul.findings { margin: .25rem 0 0; padding-left: 1.1rem; color: var(--soft); }
@media (max-width: 44rem) {
  body { padding: .9rem; }
  table, tbody, tr, td { display: block; width: 100%; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; margin-bottom: .6rem; background: var(--card); }
  td { border: 0; padding: .1rem 0; display: grid; grid-template-columns: 6.5rem 1fr; gap: .5rem; }
  td::before { content: attr(data-name); color: var(--soft); }
  td:empty { display: none; }
}
@media print {
  :root { --ink: #000; --soft: #444; --line: #999; --back: #fff; --card: #fff; --good: #000; --bad: #000; --wait: #000; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  tr, ol.waves li { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""


def page_text(model: Model) -> str:
    """Every text in it is escaped, and harmless before."""
    title = f"{model['kind']} {model['name']}".rstrip()
    attempts = model["attempts"]
    began, ended = (attempts[0]["began"], attempts[-1].get("ended") or "") if attempts else ("", "")
    times = (
        [f"began {began}"] * bool(began) + [f"ended {ended}" if ended else "not ended"] + [f"{len(attempts)} runs"] * (len(attempts) > 1)
    )
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">",
        '<link rel="icon" href="data:,">',
        f"<title>{_text(title)}: {_text(model['verdict'])}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<header><h1>{_text(title)}</h1>",
        f'<p><strong class="{_tone(model["verdict"])}">{_text(model["verdict"])}</strong> <span class="soft">{_text(_counts(model))}</span></p>',
        f'<p class="soft">{_text(", ".join(times))}</p>',
        *([f'<p class="why">{_text(model["reason"])}</p>'] if model["reason"] else []),
        "</header><main>",
        *_waves(model),
        *_nodes(model),
        "</main></body></html>",
        "",
    ]
    return "\n".join(parts)


def _counts(model: Model) -> str:
    return ", ".join(f"{number} {word}" for word, number in model["counts"].items())


def _waves(model: Model) -> list[str]:
    if not model["waves"]:
        return []
    items = []
    for wave in model["waves"]:
        hosts = [host for batch in wave["batches"] for host in batch]
        items.append(
            f'<li><strong>{_text(wave["name"])}</strong> <span class="{_tone(wave["verdict"])}">{_text(wave["verdict"])}</span>'
            f'<p class="soft">{_text(", ".join(hosts))}</p></li>'
        )
    return ["<section><h2>Waves</h2>", '<ol class="waves">', *items, "</ol></section>"]


def _nodes(model: Model) -> list[str]:
    if not model["nodes"]:
        return ["<p>No instance was meant.</p>"]
    heads = ("wave", "host", "instance", "version", "result", "down", "backup", "reason")
    rows = [_row(node) for node in model["nodes"]]
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return ["<section><h2>Instances</h2>", f"<table><thead><tr>{head}</tr></thead><tbody>", *rows, "</tbody></table></section>"]


def _row(node: Mapping[str, Any]) -> str:
    down = f"{node['stopped']:.1f} s" if node["stopped"] is not None else ""
    found = "".join(f"<li>{_text(item['id'])}: {_text(item['message'])}</li>" for item in node["findings"])
    reason = (f"<div>{_text(node['reason'])}</div>" if node["reason"] else "") + (f'<ul class="findings">{found}</ul>' if found else "")
    cells = {
        "wave": _text(node["wave"]),
        "host": _text(node["host"]),
        "instance": _text(node["id"]),
        "version": _text(way_of(node)),
        "result": f'<span class="{_tone(node["result"])}">{_text(node["result"])}</span>',
        "down": _text(down),
        "backup": f"<code>{_text(node['backup'])}</code>" if node["backup"] else "",
        "reason": f"<div>{reason}</div>" if reason else "",
    }
    return "<tr>" + "".join(f'<td data-name="{name}">{cell}</td>' for name, cell in cells.items()) + "</tr>"


def _tone(word: str) -> str:
    return "good" if word in (DONE, PASSED) else "bad" if word in BAD else "wait"


def _text(value: Any) -> str:
    return escape(one_line(value))
