# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metrics in the text format of Prometheus, version 0.0.4."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Seconds; an RPC endpoint next door answers in milliseconds, one that is slower than 5 s misses its slot.
BUCKETS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True)
class Sample:
    """``suffix`` is what a histogram appends to the family's name."""

    value: float
    labels: Mapping[str, str]
    suffix: str = ""


@dataclass(frozen=True)
class Family:
    """``kind`` is gauge, counter or histogram."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def gauge(metric: str, text: str, value: float, /, **labels: str) -> Family:
    return Family(metric, "gauge", text, (Sample(value, labels),))


def counter(metric: str, text: str, value: float, /, **labels: str) -> Family:
    return Family(metric, "counter", text, (Sample(value, labels),))


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def render(families: Iterable[Family]) -> str:
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for sample in family.samples:
            labels = ",".join(f'{name}="{_escape(value)}"' for name, value in sample.labels.items())
            lines.append(f"{family.name}{sample.suffix}{'{' + labels + '}' if labels else ''} {_number(sample.value)}")
    return "\n".join(lines) + "\n"


class RequestStats:
    """Durations of requests by label set, as ``<prefix>_duration_seconds`` and ``<prefix>_total``."""

    def __init__(self, prefix: str, what: str) -> None:
        self._prefix = prefix
        self._what = what
        self._lock = threading.Lock()
        self._seen: dict[tuple[tuple[str, str], ...], list[float]] = {}

    def observe(self, seconds: float, /, **labels: str) -> None:
        with self._lock:
            row = self._seen.setdefault(tuple(labels.items()), [0.0] * (len(BUCKETS) + 2))
            for index, bound in enumerate(BUCKETS):
                row[index] += seconds <= bound
            row[-2] += 1
            row[-1] += seconds

    def families(self) -> list[Family]:
        with self._lock:
            seen = {key: list(row) for key, row in self._seen.items()}
        durations, totals = [], []
        for key, row in seen.items():
            labels = dict(key)
            for bound, value in zip([*map(_number, BUCKETS), "+Inf"], row):
                durations.append(Sample(value, {**labels, "le": bound}, "_bucket"))
            durations += [Sample(row[-1], labels, "_sum"), Sample(row[-2], labels, "_count")]
            totals.append(Sample(row[-2], labels))
        return [
            Family(f"{self._prefix}_duration_seconds", "histogram", f"Time taken by {self._what}.", tuple(durations)),
            Family(f"{self._prefix}_total", "counter", f"Number of {self._what}.", tuple(totals)),
        ]
