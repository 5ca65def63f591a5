"""`python -m lagamc` is the command line."""

import sys

from lagamc.cli import main

sys.exit(main())
