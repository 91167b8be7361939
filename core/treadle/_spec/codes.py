"""The codes of the problems that loading finds; they are stable, messages are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._near import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "TRD001": "the document is not UTF-8 text",
    "TRD002": "the document is not YAML",
    "TRD003": "the document is empty, or there are several",
    "TRD004": "the document is too large, too deeply nested, or grows too much by aliases",
    "TRD005": "a tag that YAML's core schema does not have",
    "TRD006": "an alias of nothing, or of something it stands in",
    "TRD007": "a merge key",
    "TRD008": "a key is given twice",
    "TRD009": "a key is not text, or holds characters that deceive",
    "TRD010": "a value that JSON does not have",
    "TRD101": "unknown key",
    "TRD102": "a value of the wrong kind",
    "TRD103": "something required is missing",
    "TRD104": "a value outside its range",
    "TRD105": "a grammar version that is not 1",
    "TRD106": "keys that do not go together, or one without the other it needs",
    "TRD107": "a block without steps",
    "TRD201": "a name or id that is not well-formed, or reserved",
    "TRD202": "an id that is visible here already",
    "TRD203": "a step with no plugin, or with several",
    "TRD204": "a plugin that is not installed, or offered twice",
    "TRD205": "settings that a plugin refuses",
    "TRD206": "a plugin that is broken",
    "TRD311": "needs that are not well-formed",
    "TRD312": "a need that is named twice",
    "TRD313": "needs in a list of steps, or an id in a mapping of steps",
    "TRD341": "a template that does not exist",
    "TRD342": "a parameter that a template does not have, or needs and is not given",
    "TRD343": "a value that does not fit the parameter it is for",
    "TRD344": "a template reads a parameter that it does not declare",
    "TRD345": "templates that use themselves, or each other too deeply",
    "TRD346": "a value for a template reads a name that means something else inside it",
    "TRD347": "a file that cannot be imported",
    "TRD348": "an imported file that is not one of templates, or imports itself",
    "TRD349": "a template that is declared twice",
    "TRD401": "an expression that cannot be read",
    "TRD402": "a bare expression is wanted, or only a template makes sense",
    "TRD403": "an expression where none is allowed",
    "TRD501": "a secret that the workflow does not declare",
    "TRD601": "an input that is unknown",
    "TRD602": "an input that is missing",
    "TRD603": "an input whose value does not fit its declaration",
    "TRD604": "a declaration of an input that makes no sense",
    "TRD605": "an input that holds the value of a secret",
    "TRD701": "a wrong value in a deployment file",
    "TRD702": "a plugin that a deployment file names is not there",
    "TRD801": "not yet supported in this version",
    "TRD906": "braces that name something of this spec, without the dollar sign of an expression",
}
"""Each code with what it stands for. Those of the graph and of names in expressions are with the plan."""

OF_WARNINGS = "TRD9"
"""What the codes of warnings begin with; all others are errors."""


def not_to_be_off(code: str, known: Mapping[str, str]) -> tuple[str, str] | None:
    """Why *code* cannot be turned off, and what to write instead; None if it is a warning that can."""
    warnings = [each for each in known if each.startswith(OF_WARNINGS)]
    if code in warnings:
        return None
    listed = f"warnings: {', '.join(sorted(warnings))}"
    if code in known:
        return f"{code} is an error, and errors cannot be turned off", listed
    return f"there is no code {code!r}", did_you_mean(code, warnings) or listed
