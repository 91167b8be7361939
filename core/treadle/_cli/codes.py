"""The codes of all problems that checking a spec can give, and which of them can be turned off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle._cli.program import Complaint
from treadle._plan import CODES as OF_PLANS
from treadle._spec import CODES as OF_SPECS
from treadle._spec.codes import not_to_be_off

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OWN: Mapping[str, str] = {
    "TRD090": "the file cannot be read",
    "TRD091": "no workflow has that name",
    "TRD092": "two workflows have that name",
    "TRD093": "a plugin that `treadle.yaml` requires is not there",
}
"""Those of `sources`."""

CODES: Mapping[str, str] = dict(sorted({**OF_SPECS, **OF_PLANS, **_OWN}.items()))
"""Each code with what it stands for."""


def codes_off(given: Iterable[str]) -> frozenset[str]:
    """The warnings that the command line turns off; a complaint where one is none."""
    off = frozenset(given)
    for code in sorted(off):
        if wrong := not_to_be_off(code, CODES):
            raise Complaint(f"--off: {'; '.join(wrong)}")
    return off
