"""CloudFormation resource types that the gateway's own code provisions; it imports every module in here."""
