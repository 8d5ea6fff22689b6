"""What the cluster says of itself at this moment."""
