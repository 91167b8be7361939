"""What is told of an expression before it runs, word by word."""

from typing import Any

import pytest

from treadle._expr import BUILTINS, Function, function_table, parse, parse_template
from treadle._expr.infer import infer, infer_condition, infer_template, proven, truth
from treadle._expr.types import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    Type,
    list_of,
    mapping_of,
    of_value,
    or_null,
)

ENV = Type(kinds=frozenset({"text"}), choices=("staging", "prod"))
STATUS = Type(kinds=frozenset({"text"}), choices=("completed", "skipped", "failed"))
OUTPUT = mapping_of({"n": INTEGER, "stdout": TEXT, "size": or_null(NUMBER), "rows": list_of(mapping_of())})
ERROR = or_null(mapping_of({"message": TEXT}))
NAMES = {
    "inputs": mapping_of(
        {
            "env": ENV,
            "canary": BOOLEAN,
            "count": INTEGER,
            "ratio": NUMBER,
            "name": TEXT,
            "maybe": or_null(TEXT),
            "tags": list_of(TEXT),
            "obj": mapping_of(),
        }
    ),
    "steps": mapping_of(
        {
            "a": mapping_of(
                {"output": OUTPUT.missing("step 'a' may be skipped"), "status": STATUS, "error": ERROR}
            ),
            "b": mapping_of({"output": OUTPUT, "status": of_value("completed")}),
        }
    ),
    "vars": mapping_of({"debug": of_value(False), "mode": of_value("slow")}),
}


def names(root: str) -> Type:
    return NAMES.get(root, ANY)


def type_of(source: str) -> Type:
    return infer(parse(source, BUILTINS), names)[0]


def told(source: str) -> list[str]:
    _, complaints = infer(parse(source, BUILTINS), names)
    return [
        f"{each.code} {each.offset}: {each.message}; {each.fix}".removesuffix("; ") for each in complaints
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # fields
        ("inputs.nme", "TRD430 7: inputs has no field 'nme'; did you mean 'name'?"),
        ("steps.b.output.stdot", "TRD430 15: steps.b.output has no field 'stdot'; did you mean 'stdout'?"),
        (
            "default(steps.b.output.stdot, 1)",
            "TRD430 23: steps.b.output has no field 'stdot'; did you mean 'stdout'?",
        ),
        ("inputs['nme']", "TRD430 7: inputs has no field 'nme'; did you mean 'name'?"),
        (
            "inputs.name.length",
            "TRD430 12: inputs.name is text and has no field 'length'; write len(inputs.name)",
        ),
        (
            "inputs.tags.first",
            "TRD430 12: inputs.tags is a list and has no field 'first'; "
            "write inputs.tags[0] for its first element",
        ),
        (
            "steps.b.output.stdout.id",
            "TRD430 22: steps.b.output.stdout is text and has no field 'id'; "
            "write from_json(steps.b.output.stdout).id if it is JSON",
        ),
        ("inputs.count[0]", "TRD430 13: inputs.count is a number and has no element [0]"),
        (
            "inputs.obj[0]",
            "TRD430 11: inputs.obj is a mapping and has no element [0]; a mapping is indexed by text",
        ),
        ("inputs.count[inputs.name]", "TRD430 13: inputs.count is a number and has no elements"),
        (
            "inputs.tags[inputs.name]",
            "TRD431 12: inputs.tags is indexed by a number, but inputs.name is text; write "
            "float(inputs.name)",
        ),
        # operands
        (
            "inputs.count > '5m'",
            "TRD431 0: '>' compares two numbers or two texts, but inputs.count is a number and '5m' is text; "
            "write duration('5m')",
        ),
        (
            "inputs.count + 'a'",
            "TRD431 0: '+' takes two numbers or two texts, but inputs.count is a number and 'a' is text; "
            "write string(inputs.count)",
        ),
        (
            "inputs.tags + inputs.tags",
            "TRD431 0: '+' takes two numbers or two texts, not lists; "
            "write flatten([inputs.tags, inputs.tags]) to join lists",
        ),
        (
            "inputs.name - 1",
            "TRD431 0: '-' takes two numbers, but inputs.name is text; write float(inputs.name)",
        ),
        ("-inputs.name", "TRD431 1: '-' takes a number, but inputs.name is text; write float(inputs.name)"),
        ("1 + null", "TRD431 4: '+' takes two numbers or two texts, not null"),
        (
            "inputs.count < '5'",
            "TRD431 0: '<' compares two numbers or two texts, but inputs.count is a number and '5' is text; "
            "write 5 without quotes",
        ),
        (
            "inputs.count > inputs.name",
            "TRD431 0: '>' compares two numbers or two texts, but inputs.count is a number and "
            "inputs.name is text; write float(inputs.name)",
        ),
        (
            "not inputs.name",
            "TRD431 4: 'not' takes true or false, but inputs.name is text; "
            "write a comparison, as inputs.name == '…'",
        ),
        (
            "inputs.count and inputs.canary",
            "TRD431 0: 'and' takes true or false, but inputs.count is a number; "
            "write a comparison, as inputs.count > 0",
        ),
        (
            "1 if inputs.tags else 2",
            "TRD432 5: what follows 'if' is true or false, but inputs.tags is a list; "
            "write a comparison, as len(inputs.tags) > 0",
        ),
        (
            "'x' in inputs.count",
            "TRD431 7: 'in' looks in a list, a mapping or text, but inputs.count is a number; "
            "write string(inputs.count)",
        ),
        ("3 in inputs.name", "TRD431 0: text is searched for text, not 3; write string(3)"),
        (
            "{inputs.count: 2}",
            "TRD431 1: keys of mappings are text, but inputs.count is a number; write string(inputs.count)",
        ),
        # comparisons
        (
            "inputs.canary == 'true'",
            "TRD433 0: inputs.canary is true or false, and 'true' is text, so '==' is never true; "
            "write inputs.canary, or == true without quotes",
        ),
        (
            "'false' != inputs.canary",
            "TRD433 0: inputs.canary is true or false, and 'false' is text, so '!=' is always true; "
            "write inputs.canary, or != false without quotes",
        ),
        (
            "vars.debug == 'true'",
            "TRD433 0: vars.debug is true or false, and 'true' is text, so '==' is never true; "
            "write vars.debug, or == true without quotes",
        ),
        (
            "inputs.count == '5'",
            "TRD433 0: inputs.count is a number, and '5' is text, so '==' is never true; write 5 "
            "without quotes",
        ),
        (
            "inputs.name == 5",
            "TRD433 0: inputs.name is text, and 5 is a number, so '==' is never true; write '5' in quotes",
        ),
        (
            "inputs.count == inputs.name",
            "TRD433 0: inputs.count is a number, and inputs.name is text, so '==' is never true; "
            "write string(inputs.count)",
        ),
        (
            "inputs.env == 'prdo'",
            "TRD433 0: inputs.env is never 'prdo', so this is never true; did you mean 'prod'?",
        ),
        (
            "inputs.env != 'test'",
            "TRD433 0: inputs.env is never 'test', so this is always true; it is one of 'staging', 'prod'",
        ),
        (
            "inputs.env in ['prdo', 'test']",
            "TRD433 0: no element of ['prdo', 'test'] can be inputs.env, which is one of 'staging', 'prod', "
            "so this is never true; did you mean 'prod'?",
        ),
        (
            "inputs.name == null",
            "TRD433 0: inputs.name is never null, so this is never true; leave the comparison out",
        ),
        (
            "inputs.env != 'prod' and inputs.env == 'prdo'",
            "TRD433 25: inputs.env is never 'prdo', so this is never true; did you mean 'prod'?",
        ),
        (
            "inputs.env != 'prod' and inputs.env == 'test'",
            "TRD433 25: inputs.env is never 'test', so this is never true; it is one of 'staging', 'prod'",
        ),
        (
            "inputs.env != 'prod' and inputs.env in ['prdo', 'x']",
            "TRD433 25: no element of ['prdo', 'x'] can be inputs.env, which is one of 'staging', 'prod', "
            "so this is never true; did you mean 'prod'?",
        ),
        # null and absence
        (
            "steps.a.output.n == null",
            "TRD434 8: steps.a.output may be absent: step 'a' may be skipped; write "
            "default(steps.a.output.n, null)",
        ),
        (
            "default(inputs.maybe, 'b') > 'a' and inputs.maybe + 'x' == 'bx'",
            "TRD435 37: inputs.maybe may be null, and '+' takes two numbers or two texts; "
            "write default(inputs.maybe, '')",
        ),
        (
            "inputs.maybe + 'x'",
            "TRD435 0: inputs.maybe may be null, and '+' takes two numbers or two texts; "
            "write default(inputs.maybe, '')",
        ),
        (
            "steps.a.error.message",
            "TRD435 14: steps.a.error may be null, and null has no fields; "
            "write default(steps.a.error.message, '')",
        ),
        (
            "steps.a.output.n + 1",
            "TRD434 8: steps.a.output may be absent: step 'a' may be skipped; write "
            "default(steps.a.output.n, 0)",
        ),
        (
            "lower(inputs.maybe)",
            "TRD435 6: inputs.maybe may be null, and lower(text) takes text; write default(inputs.maybe, '')",
        ),
        # functions
        (
            "lower(inputs.count)",
            "TRD437 6: lower(text) takes text, but inputs.count is a number; write string(inputs.count)",
        ),
        (
            "join(inputs.name)",
            "TRD437 5: join(list, separator) takes a list, but inputs.name is text; write "
            "split(inputs.name, ',')",
        ),
        (
            "replace(inputs.name, 'x', 3)",
            "TRD437 26: the third value of replace(text, old, new) is text, not 3; write string(3)",
        ),
        (
            "sum(inputs.tags)",
            "TRD437 4: sum(list) takes a list of numbers, and the elements of inputs.tags are texts",
        ),
        (
            "join(steps.b.output.rows, ', ')",
            "TRD437 5: join(list) takes a list of booleans or numbers or texts, and the elements of "
            "steps.b.output.rows are mappings",
        ),
        (
            "min(1, 'a')",
            "TRD437 0: min(a, b, …) takes numbers or texts, not some of each; write values of one kind",
        ),
        (
            "contains(inputs.name, 3)",
            "TRD437 22: contains(x, item) looks for text here, not 3; write string(3)",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_fix(source: str, expected: str) -> None:
    assert told(source) == [expected]


@pytest.mark.parametrize(
    "source",
    [
        "inputs.env == 'prod' or inputs.env == 'prod'",
        "inputs.env == 'prod' or inputs.env == 'staging'",
        "inputs.env != 'prod' and inputs.env != 'staging'",
        "vars.mode == 'fast'",
        "vars.debug == true",
        "1 == 2",
        "inputs.maybe == null",
        "inputs.maybe != null and inputs.maybe + 'x' == 'yx'",
        "inputs.maybe == null or inputs.maybe + 'x' == 'yx'",
        "inputs.maybe + 'x' if inputs.maybe != null else ''",
        "not (inputs.maybe == null) and len(inputs.maybe) > 1",
        "default(steps.a.output.n, 0) > 1",
        "default(steps.a.error.message, '') == ''",
        "steps.a.status == 'completed' and steps.a.output.n > 1",
        "'completed' == steps.a.status and steps.a.output.n > 1",
        "steps.a.status != 'completed' or steps.a.output.n > 1",
        "steps.a.status in ['completed'] and steps.a.output.n > 1",
        "not (steps.a.status in ['skipped', 'failed']) and steps.a.output.n > 1",
        "steps.a.output.n if steps.a.status == 'completed' else 0",
        "steps.a.error != null and steps.a.error.message == 'x'",
        "default(steps.a.status, 'none') == 'completed' and steps.a.output.n > 1",
        "default(steps.a.output.n, null) != null and steps.a.output.n > 1",
        "default(steps.a.output.n, 0) > 3 and steps.a.output.n > 5",
        "default(inputs.maybe, 'a') <= 'a' or inputs.maybe + 'x' == 'bx'",
        "'b' > default(inputs.maybe, 'c') and inputs.maybe + 'x' == 'ax'",
        "contains(keys(inputs.obj), 'key') and inputs.obj.key > 3",
        "default({'a': 1}.b, 2) + 1",
        "default(steps.a.output.n, null) == null or steps.a.output.n > 1",
        "'key' in inputs.obj and inputs.obj.key > 3",
        "contains(inputs.obj, 'key') and inputs.obj.key > 3",
        "inputs.obj.whatever.there.stands[0] + 1",
        "unknown.name == 3",
        "default(inputs.maybe, 3) + 1",
        "default(steps.a.output.n == 3, false)",
        "default(inputs.maybe == null, true)",
        "default(steps.b.output.stdout, steps.a.output.stdout)",
        "'x' if steps.b.status == 'completed' else steps.a.output.stdout",
        "[1, 'a'][inputs.count] + 1",
        "{'a': 1}[inputs.name]",
        "inputs.name in {'a': 1}",
        "min(inputs.count, 3) < max([1, 2])",
        "inputs.count in [1, 'all']",
        "sum([])",
        "inputs.tags == []",
    ],
)
def test_what_may_be_right_is_left_alone(source: str) -> None:
    assert told(source) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2", of_value(3)),
        ("inputs.count + 1", INTEGER),
        ("inputs.count / 2", NUMBER),
        ("inputs.count // 2", INTEGER),
        ("inputs.ratio * 2", NUMBER),
        ("-inputs.count", INTEGER),
        ("inputs.name + 'x'", TEXT),
        ("'on-' + inputs.env", Type(kinds=frozenset({"text"}), choices=("on-staging", "on-prod"))),
        ("inputs.env", ENV),
        ("inputs.maybe", or_null(TEXT)),
        ("default(inputs.maybe, inputs.name)", TEXT),
        ("inputs.count > 3", BOOLEAN),
        ("1 > 2", of_value(False)),
        ("inputs.tags[0]", TEXT),
        ("[inputs.count, inputs.ratio]", list_of(NUMBER)),
        ("{'a': inputs.name}.a", TEXT),
        ("{'a': 1, 'b': inputs.name}[inputs.name]", Type(kinds=frozenset({"number", "text"}), whole=True)),
        ("len(inputs.name)", INTEGER),
        ("split(inputs.name)[0]", TEXT),
        ("sort(inputs.tags)", list_of(TEXT)),
        ("unique(inputs.tags)", list_of(TEXT)),
        ("flatten([inputs.tags, 1])", list_of(Type(kinds=frozenset({"number", "text"}), whole=True))),
        ("product(inputs.tags, range(3))[0][0]", Type(kinds=frozenset({"number", "text"}), whole=True)),
        ("keys(inputs.obj)", list_of(TEXT)),
        ("values({'a': inputs.name})", list_of(TEXT)),
        ("max(inputs.tags)", TEXT),
        ("max(inputs.count, inputs.ratio)", NUMBER),
        ("sum(range(3))", INTEGER),
        ("round(inputs.ratio)", INTEGER),
        ("round(inputs.ratio, 2)", NUMBER),
        ("from_json(inputs.name).x", ANY),
        ("duration('5m')", NUMBER),
        ("format_time(now())", TEXT),
        (
            "inputs.name if inputs.canary else inputs.count",
            Type(kinds=frozenset({"number", "text"}), whole=True),
        ),
        ("inputs.name if true else inputs.count", TEXT),
    ],
)
def test_the_type_of_a_value_is_known(source: str, expected: Type) -> None:
    assert (told(source), type_of(source)) == ([], expected)


def test_a_condition_is_true_or_false() -> None:
    def complaints(source: str) -> list[str]:
        return [each.message for each in infer_condition(parse(source, BUILTINS), names)[1]]

    assert complaints("inputs.canary") == []
    assert complaints("inputs.name") == ["a condition is true or false, but inputs.name is text"]
    assert complaints("inputs.tags + 1") == ["'+' takes two numbers or two texts, but inputs.tags is a list"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("a ${{ inputs.name }} ${{ inputs.count }} ${{ inputs.canary }}", []),
        ("a ${{ inputs.tags }}", ["TRD436"]),
        ("a ${{ inputs.maybe }}", ["TRD435"]),
        ("a ${{ inputs.nme }} ${{ inputs.obj }}", ["TRD430", "TRD436"]),
    ],
)
def test_only_what_reads_as_text_stands_within_text(text: str, codes: list[str]) -> None:
    template = parse_template(text, BUILTINS)
    assert template is not None
    type_, complaints = infer_template(template, names)
    assert (type_, [each.code for each in complaints]) == (TEXT, codes)


def test_offsets_count_from_the_start_of_the_text() -> None:
    text = "é → ${{\n  inputs.nme }} and ${{ inputs['é'].x + inputs.nam }}"
    template = parse_template(text, BUILTINS)
    assert template is not None
    offsets = [each.offset for each in infer_template(template, names)[1]]
    assert offsets == [text.index("nme"), text.index("'é'"), text.index("nam }")]


def test_a_whole_template_is_of_the_type_of_its_expression() -> None:
    template = parse_template("${{ inputs.tags }}", BUILTINS)
    assert template is not None
    assert infer_template(template, names) == (list_of(TEXT), [])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("false", False),
        ("1 > 2", False),
        ("inputs.canary", None),
        ("inputs.canary or true", True),
        ("1", None),
    ],
)
def test_a_condition_that_never_changes_is_known(source: str, expected: bool | None) -> None:
    assert truth(parse(source, BUILTINS), names) is expected


def test_what_a_condition_proves_is_given_to_what_stands_under_it() -> None:
    given = proven(parse("steps.a.status == 'completed' and inputs.env != 'prod'", BUILTINS), names)
    assert infer(parse("steps.a.output.n", BUILTINS), names, given) == (INTEGER, [])
    assert infer(parse("inputs.env", BUILTINS), names, given)[0] == of_value("staging")


def slug(text: str, width: int | None = None, *parts: list[str]) -> str:
    return text


def odd(value: "Unheard") -> "OfType":  # type: ignore[name-defined]  # noqa: F821
    return value


def test_a_function_of_a_plugin_is_known_by_its_annotations() -> None:
    def function(call: Any) -> Function:
        return Function(name=call.__name__, call=call, signature=f"{call.__name__}(…)", doc="")

    table = function_table([function(slug), function(odd)])

    def codes(source: str) -> tuple[Type, list[str]]:
        type_, complaints = infer(parse(source, table), names)
        return type_, [each.code for each in complaints]

    assert codes("slug('x', 3, [])") == (TEXT, [])
    assert codes("slug('x', null)") == (TEXT, [])
    assert codes("slug(3)") == (TEXT, ["TRD437"])
    assert codes("slug('x', 3, 'y')") == (TEXT, ["TRD437"])
    assert codes("odd(3)") == (ANY, [])
