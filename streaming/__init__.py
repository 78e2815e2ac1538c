"""Flight events on Kafka: what they are, how they are sent, how a stream of them is read.

`events`, `lateness` and `spark` run on the Python of EMR (3.9 or newer); the rest on 3.11 or newer.
"""
