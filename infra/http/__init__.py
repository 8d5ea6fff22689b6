"""What stands before every HTTP application: who may ask, how much is read, and what every answer carries."""
