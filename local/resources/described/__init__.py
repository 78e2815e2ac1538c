"""What each service itself says about a deployed resource, in the words of CloudFormation's properties.

describe("AWS::S3::Bucket", physical_id, properties) → {"BucketEncryption": {...}, "Tags": [...], ...}
"""

from __future__ import annotations

import importlib
import pkgutil

from local.resources.described.describer import DESCRIBERS, describe

__all__ = ["DESCRIBERS", "describe"]

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
