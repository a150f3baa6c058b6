"""The embedded mini suite: small networks trained by this code on people it made itself."""

from imagineid_core.assets.manifest import Manifest, ShippedFile, ShippedSuite, read_manifest
from imagineid_core.assets.suite import LISTEN, SHIPPED, SUITES, check_suite, pack_suite

__all__ = [
    "LISTEN",
    "SHIPPED",
    "SUITES",
    "Manifest",
    "ShippedFile",
    "ShippedSuite",
    "check_suite",
    "pack_suite",
    "read_manifest",
]
