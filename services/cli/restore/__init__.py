"""`heliograph restore`: what operators do after a loss."""
