"""What people decide about campaigns and recipients, against the real dispatcher."""
