"""`python -m imagineid_core.cli`, for environments without the `imagineid` script."""

import sys

from imagineid_core.cli import main

sys.exit(main())
