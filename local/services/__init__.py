"""AWS APIs that the gateway's own code answers; the gateway imports every module in this package."""
