"""The producer of flight events: days of curated flights, replayed onto the topic."""
