"""Each consumer fed with valid events of extreme values."""
