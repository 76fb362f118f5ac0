"""The events that the source logs, as its syntax tree tells."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "storysync"
LEVELS = ("debug", "info", "warning", "error", "critical")
MORE = "…"
"""Stands for fields whose names the source does not spell out."""
PASSED_ON = {"event": ("note", "event")}
"""A parameter that is the name of an event -> the function that has it, and how callers name it."""
FROM_LIBRARIES = ("warning", "error", "critical")
"""The levels of what libraries log, which `logs` takes over."""


@dataclass
class Event:
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


@cache
def logged() -> dict[str, Event]:
    """Name -> what all calls that log it give."""
    found: dict[str, Event] = {}
    texts = {file: file.read_text(encoding="utf-8") for file in sorted(SOURCE.rglob("*.py"))}
    trees = {file: ast.parse(text) for file, text in texts.items() if "structlog" in text}
    for file, tree in trees.items():
        for scope in (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)):
            for call in own_calls(scope):
                for one in told_apart(call):
                    levels = levels_of(one.func, scope)
                    for name in names_of(one.args[0], scope, trees.values()) if levels else ():
                        event = found.setdefault(name, Event())
                        event.levels |= levels
                        event.fields |= fields_of(one, scope)
                        event.files.add(file.name)
    return found


def told_apart(call: ast.Call) -> list[ast.Call]:
    """`(log.error if bad else log.info)("a.b" if bad else "c.d")` is two calls."""
    match call:
        case ast.Call(func=ast.IfExp() as function, args=[ast.IfExp() as name, *rest], keywords=keywords):
            if ast.unparse(function.test) == ast.unparse(name.test):
                pairs = ((function.body, name.body), (function.orelse, name.orelse))
                return [ast.Call(func, [event, *rest], keywords) for func, event in pairs]
    return [call]


def own_calls(scope: ast.FunctionDef) -> Iterator[ast.Call]:
    """Calls of a function, without those of functions in it."""
    waiting: list[ast.AST] = list(scope.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Call):
            yield node


def levels_of(function: ast.expr, scope: ast.FunctionDef) -> set[str]:
    """The levels that a called expression logs with; none when it is no logger."""
    match function:
        case ast.Attribute(value=ast.Name(id="log"), attr=level) if level in LEVELS:
            return {level}
        case ast.Attribute(value=ast.Name(id="log"), attr=other):
            raise AssertionError(f"log.{other} in {scope.name}")
        case ast.IfExp(body=one, orelse=other):
            return levels_of(one, scope) | levels_of(other, scope)
        case ast.Name(id=name):
            return set().union(*(levels_of(value, scope) for value in assigned(name, scope)))
        case ast.Call(
            func=ast.Name(id="getattr"), args=[ast.Call(func=ast.Attribute(attr="get_logger")), *_]
        ):
            return set(FROM_LIBRARIES)
    return set()


def assigned(name: str, scope: ast.FunctionDef) -> Iterator[ast.expr]:
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                yield value


def names_of(value: ast.expr, scope: ast.FunctionDef, trees: object) -> set[str]:
    match value:
        case ast.Constant(value=str() as name):
            return {name}
        case ast.IfExp(body=one, orelse=other):
            return names_of(one, scope, trees) | names_of(other, scope, trees)
        case ast.Name(id=variable):
            found = [names_of(one, scope, trees) for one in assigned(variable, scope)]
            if not found and PASSED_ON.get(variable, ("",))[0] == scope.name:
                found = [passed_on(variable, scope, trees)]
            assert found, f"{variable} in {scope.name}: which event is it?"
            return set().union(*found)
    raise AssertionError(f"{ast.unparse(value)} in {scope.name}: an event has a name that can be read")


def passed_on(variable: str, scope: ast.FunctionDef, trees: object) -> set[str]:
    """The default of a parameter, and what is given for it anywhere."""
    names = {one.value for one in scope.args.defaults if isinstance(one, ast.Constant)}
    for tree in trees:  # type: ignore[attr-defined]
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr=called), args=args, keywords=keywords) if (
                    called == scope.name
                ):
                    given = [*args, *(one.value for one in keywords if one.arg == variable)]
                    names |= {one.value for one in given if isinstance(one, ast.Constant)}
    return {name for name in names if isinstance(name, str) and "." in name}


def fields_of(call: ast.Call, scope: ast.FunctionDef) -> set[str]:
    found: set[str] = set()
    for keyword in call.keywords:
        found |= {keyword.arg} if keyword.arg else keys_of(keyword.value, scope)
    return found - {"exc_info"}


def keys_of(value: ast.expr, scope: ast.FunctionDef) -> set[str]:
    match value:
        case ast.Dict(keys=keys) if all(isinstance(key, ast.Constant) for key in keys):
            return {str(key.value) for key in keys if isinstance(key, ast.Constant)}
        case ast.IfExp(body=one, orelse=other):
            return keys_of(one, scope) | keys_of(other, scope)
        case ast.Name(id=name):
            found = [keys_of(one, scope) for one in assigned(name, scope)]
            return set().union(*found) if found else {MORE}
    return {MORE}
