"""``python -m treadle`` is ``treadle``."""

from __future__ import annotations

import sys

from treadle._cli import main

sys.exit(main())
