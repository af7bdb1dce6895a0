"""The cases of these tests lie beside the literature tests, which use them as well."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "literature"))
