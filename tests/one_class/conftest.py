"""Tables of made-up patients; the folder is on the path, so that its tests share them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
