"""The webhook gateway: every callback of Sinch's into the log, and 200 only when the log has it."""
