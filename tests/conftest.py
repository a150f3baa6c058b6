"""Property tests draw the same cases everywhere and are never failed for slowness.

A random draw that fails on one run in a hundred stops a stranger, not us. To look for new cases:
HYPOTHESIS_PROFILE=explore make test
"""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
