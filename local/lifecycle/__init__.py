"""The life of a deployed environment: failed creations, switches, what is in the way, and its end."""
