"""Makes the helpers beside this file (`small_target`, `record_samples` ...) importable from each room's folder."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts" / "ops"))  # as for a command that is run from there
