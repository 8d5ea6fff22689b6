"""What we run: one package a service; none imports another."""
