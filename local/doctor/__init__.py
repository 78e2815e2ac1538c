"""`make doctor`: what a deploy of an environment would stumble over, asked with calls that only read."""
