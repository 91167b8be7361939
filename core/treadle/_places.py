"""Where things stand in a document. Apart, so that settings and the model can both name a place."""

from __future__ import annotations

import attrs


@attrs.frozen
class Place:
    """Where something stands in a document; *line* and *column* from 1, None for generated documents."""

    path: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
