"""One file a table: what it holds, how facts change it, and the SQL that writes it."""
