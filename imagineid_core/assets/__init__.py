"""The embedded mini suite: small networks trained by this code on people it made itself."""

from imagineid_core.assets.manifest import Manifest, ShippedFile, ShippedSuite, read_manifest
from imagineid_core.assets.pack import pack_suite
from imagineid_core.assets.suite import IMAGINE, LISTEN, READ, SHIPPED, SUITES, check_suite

__all__ = [
    "IMAGINE",
    "LISTEN",
    "READ",
    "SHIPPED",
    "SUITES",
    "Manifest",
    "ShippedFile",
    "ShippedSuite",
    "check_suite",
    "pack_suite",
    "read_manifest",
]
