"""A Sinch on your own machine: the SMS API with its callbacks, its delays and its failures (docs/simulator.md)."""
