"""Expressions from seeds: well-typed, any of the grammar, ones that try to get out or to grow, and noise.

Rule: while one is evaluated, nothing may be opened, imported, compiled or started, no canary in the scope be
touched, and the scope stays as it is. An audit hook and the canaries tell; both know no exception.
"""

from __future__ import annotations

import contextlib
import copy
import random
import sys
from typing import Any

from tests.corpus.typed import KINDS, Expressions, Known

from treadle._expr import BUILTINS, ExpressionError, ExpressionSyntaxError, parse, parse_template

AT_MOST_MS = 50

touched: list[str] = []
"""What canaries and the audit hook have told of; empty again after each expression."""
_watching = False


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _watching:
        touched.append(event)


sys.addaudithook(_audit)


def _told(name: str) -> Any:
    def method(self: object, *args: object, **named: object) -> Any:
        touched.append(name)
        raise RuntimeError(f"a canary's {name} was called")

    return method


_DUNDERS = [
    *(
        "call",
        "getattr",
        "getitem",
        "setitem",
        "delitem",
        "setattr",
        "delattr",
        "iter",
        "next",
        "len",
        "contains",
    ),
    *(
        "add",
        "radd",
        "sub",
        "rsub",
        "mul",
        "rmul",
        "truediv",
        "rtruediv",
        "floordiv",
        "mod",
        "rmod",
        "pow",
        "rpow",
    ),
    *(
        "and",
        "rand",
        "or",
        "ror",
        "xor",
        "lshift",
        "rshift",
        "neg",
        "pos",
        "invert",
        "abs",
        "int",
        "float",
        "index",
    ),
    *(
        "lt",
        "le",
        "gt",
        "ge",
        "eq",
        "ne",
        "hash",
        "bool",
        "str",
        "repr",
        "format",
        "bytes",
        "enter",
        "exit",
        "get",
    ),
    *("reduce", "reduce_ex", "sizeof", "dir", "round", "reversed", "await"),
]
Canary = type("Canary", (), {f"__{name}__": _told(f"__{name}__") for name in _DUNDERS})
"""Not plain data: nothing that it can do may be done by an expression."""


def scope() -> dict[str, Any]:
    """What an expression sees."""
    return {
        "inputs": {"a": 1, "b": "text", "c": [1, 2.5, "x"], "d": {"k": None}, "e": True, "n": None, "_x": 1},
        "vars": {
            "many": list(range(2000)),
            "long": "ab" * 5000,
            "deep": [[[[[[1]]]]]],
            "m": {str(i): i for i in range(50)},
        },
        "steps": {
            "one": {"output": {"list": [[1], [2]], "at": "2030-01-01T00:00:00Z"}, "status": "completed"}
        },
        "item": {"key": "k", "value": 3},
        "index": 0,
        "canary": Canary(),
        "inside": {"canary": Canary()},
    }


_SCOPE = scope()
_PLAIN = copy.deepcopy({name: data for name, data in _SCOPE.items() if name not in ("canary", "inside")})
_KNOWN = (
    Known("inputs.a", "integer"),
    Known("inputs.b", "text"),
    Known("inputs.e", "boolean"),
    Known("vars.many", "numbers"),
    Known("vars.long", "text"),
    Known("vars.m", "mapping"),
    Known("inputs.c", "texts"),
)
_NAMES = [
    *(
        "inputs",
        "inputs.a",
        "inputs.b",
        "inputs.c",
        "inputs.d.k",
        "inputs.n",
        "inputs._x",
        "inputs['_x']",
        "gone.x",
    ),
    *(
        "vars.many",
        "vars.long",
        "vars.deep",
        "vars.m",
        "steps.one.output.list",
        "item.key",
        "index",
        "true",
        "null",
    ),
    *(
        "canary",
        "canary.x",
        "canary['x']",
        "canary()",
        "inside",
        "inside.canary",
        "inside['canary'].run",
        "[canary]",
    ),
    *(
        "__builtins__",
        "__import__",
        "inputs.__class__",
        "''.__class__",
        "().__class__.__bases__",
        "len.__globals__",
    ),
    *(
        "inputs['__class__']",
        "inputs.b.format",
        "inputs.c.append",
        "type",
        "open('x')",
        "eval('1')",
        "self",
        "None",
    ),
]
_LITERALS = [
    *(
        "0",
        "1",
        "-1",
        "2**64",
        "10**9",
        "1e308",
        "1e999",
        "9" * 300,
        "0.1",
        "''",
        "'%s'",
        "'a' * 99",
        "b'x'",
        "f'{1}'",
    ),
    *(
        "[]",
        "()",
        "{}",
        "{'a': 1}",
        "[1, 'a', null]",
        "'1h'",
        "'%Y'",
        "','",
        "'(a+)+$'",
        "'\\x00'",
        "'\u202e'",
        "...",
    ),
    *(
        "range(100000)",
        "range(10**12)",
        "product(vars.many, vars.many)",
        "replace(vars.long, 'a', vars.long)",
    ),
    *(
        "join(vars.many, vars.long)",
        "split(vars.long, 'a')",
        "json(vars)",
        "from_json('[' * 9999)",
        "flatten(vars.deep)",
    ),
]
_OPERATORS = [
    *(
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "in",
        "not in",
        "and",
        "or",
        "**",
        "<<",
        "is",
        "|",
    ),
]
_NOISE = [
    *"abx019.,:;()[]{}'\"\\+-*/%=<>!&|^~#@$?` \n\t_",
    "é",
    "\uff53",
    "\x00",
    "\u202e",
    "lambda",
    " if ",
    " for ",
    "__",
]


def warm() -> None:
    """Calls every function once; what it imports then, and opens for that, is the program's own."""
    arguments = [
        "1",
        "'1'",
        "'1h'",
        "[1]",
        "[[1], [2]]",
        "{'a': 1}",
        "'2030-01-01T00:00:00Z'",
        "'a', 'a'",
        "'a', 'a', 'a'",
    ]
    sources = [f"{name}({given})" for name in BUILTINS for given in ["", *arguments]]
    for source in [
        *sources,
        "format_time(0, '%Y', 'Europe/Berlin')",
        "format_time(0, '%Y', 'No/Where')",
        "range(1) + ''",
    ]:
        with contextlib.suppress(ExpressionSyntaxError, ExpressionError):
            parse(source, BUILTINS).evaluate(_SCOPE, now=1.0)


def expression(seed: int) -> str:
    """The expression of a seed."""
    rng = random.Random(f"expression {seed}")
    kind = rng.random()
    if kind < 0.25:
        made = Expressions(rng, _KNOWN).of(rng.choice(KINDS), 3)
    elif kind < 0.9:
        made = _grown(rng, rng.choice([1, 2, 2, 3]))
    else:
        made = "".join(rng.choice(_NOISE) for _ in range(rng.randint(0, 60)))
    return _disturbed(made, rng) if rng.random() < 0.2 else made


def _grown(rng: random.Random, depth: int) -> str:
    """Any form of the grammar, and some beside it."""
    if depth == 0:
        return rng.choice(_NAMES if rng.random() < 0.6 else _LITERALS)
    part = [_grown(rng, rng.randint(0, depth - 1)) for _ in range(3)]
    function = rng.choice(sorted(BUILTINS))
    forms = [
        *[f"{function}({', '.join(part[: rng.randint(0, 3)])})"] * 4,
        *[f"({part[0]} {rng.choice(_OPERATORS)} {part[1]})"] * 4,
        f"({part[0]} if {part[1]} else {part[2]})",
        f"{part[0]}[{part[1]}]",
        f"(not {part[0]})",
        f"-({part[0]})",
        f"default({part[0]}, {part[1]})",
        f"[{', '.join(part)}]",
        f"{{'a': {part[0]}, {part[1]}: {part[2]}}}",
        f"{part[0]}.{rng.choice(['x', 'key', '__class__', 'format', 'mro', '_x', 'items'])}",
        rng.choice(
            [f"[x for x in {part[0]}]", f"(lambda: {part[0]})()", f"f'{{{part[0]}}}'", f"{part[0]}[1:2]"]
        ),
    ]
    return rng.choice(forms)


def _disturbed(text: str, rng: random.Random) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(_NOISE) + text[at + rng.randint(0, 2) :]


def judge(seed: int) -> bool:
    """Whether the expression has a value; it must be of a plain type, and nothing be touched or changed."""
    global _watching
    source = expression(seed)
    try:
        whole = (
            parse_template(f"${{{{ {source} }}}}", BUILTINS) if seed % 10 == 0 else parse(source, BUILTINS)
        )
    except ExpressionSyntaxError:
        return False
    if whole is None:
        return False
    touched.clear()
    _watching = True
    try:
        value = whole.evaluate(_SCOPE, now=1.0)
    except ExpressionError:
        value = None
    finally:
        _watching = False
    assert not touched, f"{source!r} touched {touched[:5]}"
    assert type(value) in (type(None), bool, int, float, str, list, tuple, dict), type(value)
    if seed % 50 == 0 or isinstance(value, dict | list):
        assert {name: _SCOPE[name] for name in _PLAIN} == _PLAIN, f"{source!r} changed the scope"
    return value is not None
