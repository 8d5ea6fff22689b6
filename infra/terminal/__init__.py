"""What may be shown on a terminal: texts from outside are only ever text there."""
