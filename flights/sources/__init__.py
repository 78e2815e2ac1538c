"""Where the raw data comes from: adapters for the sources, and the objects that hold it in the raw zone."""
