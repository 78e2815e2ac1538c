"""The embedded AWS: the deployed templates and job code on real engines, on one machine."""
