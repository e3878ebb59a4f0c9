"""Small changes of a module, each at one place: what a test should notice."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPPOSITES = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
NEIGHBOURS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


MODULE = "module"
"""As the scope of what stands in no function."""


@dataclass(frozen=True)
class Mutation:
    """One change: a node's text becomes another. `scope` is the function that it stands in."""

    file: Path
    scope: str
    is_in_function: bool
    what: str
    node: ast.AST
    new: str

    @property
    def line(self) -> int:
        """Return where it begins."""
        return self.node.lineno

    def __str__(self) -> str:
        old = ast.unparse(self.node).splitlines()[0]
        return f"{self.scope} {self.what}: {old} -> {self.new.splitlines()[0]}"

    def apply(self, text: str) -> str:
        """Return the module with the change made."""
        lines = text.encode().splitlines(keepends=True)
        node = self.node
        first, last = node.lineno - 1, node.end_lineno - 1
        before = b"".join(lines[:first]) + lines[first][: node.col_offset]
        after = lines[last][node.end_col_offset :] + b"".join(lines[last + 1 :])
        return (before + self.new.encode() + after).decode()


def mutations(file: Path) -> Iterator[Mutation]:
    """Return every change of a module."""
    tree = ast.parse(file.read_text())
    ignored = set(_never_run(tree))
    for scope, is_in_function, node in _nodes(tree):
        if node in ignored:
            continue
        if isinstance(node, ast.keyword):  # its constant is told with its name
            texts = [] if node.arg == "strict" else _texts(node.value)
            changes = [(f"{node.arg} {what}", node.value, new) for what, new in texts]
            ignored.add(node.value)
        else:
            changes = [(what, node, new) for what, new in _changes(node)]
        for what, place, other in [*changes, *_conditions(node)]:
            text = other if isinstance(other, str) else ast.unparse(other)
            is_expression = isinstance(place, ast.expr)
            new = f"({text})" if is_expression else text
            yield Mutation(file, scope, is_in_function, what, place, new)


def _nodes(
    node: ast.AST, scope: str = "", *, is_in_function: bool = False
) -> Iterator[tuple[str, bool, ast.AST]]:
    """Return each node with the class or function in whose body it stands, and whether in a function's."""
    is_named = isinstance(node, ast.FunctionDef | ast.ClassDef)
    body = set(node.body) if is_named else set()
    for child in ast.iter_child_nodes(node):
        inner = f"{scope}.{node.name}".removeprefix(".") if child in body else scope
        is_inside = is_in_function or (child in body and isinstance(node, ast.FunctionDef))
        yield inner or MODULE, is_inside, child
        yield from _nodes(child, inner, is_in_function=is_inside)


def _never_run(tree: ast.AST) -> Iterator[ast.AST]:
    """Return what is no behaviour: annotations, docstrings, imports for types, decorators."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        match node:
            case ast.AnnAssign() | ast.arg():
                parts = [node.annotation]
            case ast.FunctionDef():
                parts = [node.returns, *node.decorator_list]
            case ast.ClassDef():
                parts = [*node.decorator_list]
            case ast.Expr(ast.Constant()) | ast.JoinedStr():
                parts = [node]
            case ast.Call(func) if ast.unparse(func).startswith(("log.", "TypeVar")):
                parts = [node]
        for part in filter(None, parts):
            yield from ast.walk(part)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST | str]]:
    """Return what becomes of a node, each change with its kind."""
    match node:
        case ast.Compare(left, [op], [right]):
            for table in (OPPOSITES, NEIGHBOURS):
                if other := table.get(type(op)):
                    yield "comparison", ast.Compare(left, [other()], [right])
        case ast.BoolOp(op, values):
            yield from (("term dropped", _bool_op(op, rest)) for rest in _without_one(values))
            yield "and/or", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield "not dropped", operand
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
            other = ast.Sub() if isinstance(op, ast.Add) else ast.Add()
            yield "operator", ast.BinOp(left, other, right)
        case ast.Call(func, args, keywords):
            for keyword in keywords:
                rest = [one for one in keywords if one is not keyword]
                if keyword.arg != "strict":  # of `zip`: it only says what is so
                    yield "keyword dropped", ast.Call(func, args, rest)
        case _:
            yield from _texts(node)


def _without_one(items: list) -> Iterator[list]:
    return ([*items[:place], *items[place + 1 :]] for place in range(len(items)))


def _bool_op(op: ast.boolop, values: list[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else ast.BoolOp(op, values)


def _texts(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Constant(bool() | int() | float() as value):
            yield "constant", str(not value if isinstance(value, bool) else value + 1)
        case ast.Expr(ast.Call()) | ast.AugAssign() | ast.Raise():
            yield "statement dropped", "pass"
        case ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield "statement dropped", "pass"
        case ast.Return(value) if value is not None and ast.unparse(value) != "None":
            yield "return None", "return None"


def _conditions(node: ast.AST) -> Iterator[tuple[str, ast.expr, ast.AST]]:
    """Return each condition of a statement or comprehension, as always and as never true."""
    tests = [node.test] if isinstance(node, ast.If | ast.While | ast.IfExp) else []
    if isinstance(node, ast.comprehension):
        tests = node.ifs
    for test in tests:
        if not isinstance(node, ast.While):  # it would not end
            yield "always", test, ast.Constant(value=True)
        yield "never", test, ast.Constant(value=False)
