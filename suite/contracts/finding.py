"""One check and its answer: how an examination asks its questions and what it reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from suite import registry
from suite.pipeline import Failure, attempt

Question: TypeAlias = Callable[[Any], str]
"""Asks something of a live plugin; returns what is wrong, or an empty string."""


@dataclass(frozen=True)
class Finding:
    """What one check found: ``message`` says what is wrong, and is empty when it is ok."""

    check: str
    ok: bool
    message: str


def examine(plugin: Any, *, gates: Mapping[str, Question], questions: Mapping[str, Question]) -> list[Finding]:
    """Ask all questions; those behind a gate only if it opened."""
    findings = []
    for check, question in gates.items():
        findings.append(finding(check, question, plugin))
        if not findings[-1].ok:
            return findings
    return findings + [finding(check, question, plugin) for check, question in questions.items()]


def finding(check: str, question: Question, plugin: Any) -> Finding:
    """Ask one question."""
    answer = attempt(partial(question, plugin))
    wrong = f"it raised {answer.reason}" if isinstance(answer, Failure) else str(answer)
    return Finding(check, ok=not wrong, message=wrong)


def interface(kind: type, plugin: Any) -> str:
    """Check name, version and the members of the kind's interface."""
    if lacking := registry.missing(plugin, kind):
        return f"it lacks {', '.join(lacking)} (see suite.api.{kind.__name__})"
    for field in ("name", "version"):
        value = getattr(plugin, field)
        if not isinstance(value, str) or not re.fullmatch(r"[\w.+:-]+", value):
            return f"expected its {field} to be letters, digits and '._+:-', but got {value!r}"
    return ""


def raises(expected: type[Exception], work: Callable[[], Any]) -> bool:
    """Whether ``work`` raises the expected error. Any other goes on."""
    try:
        work()
    except expected:
        return True
    return False
