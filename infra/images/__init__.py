"""What the container image is made with: what it leaves out, how it starts, how it is asked for its health."""
