"""``python -m ui`` is ``max-whisper``."""

import sys

from ui.cli import main

sys.exit(main())
