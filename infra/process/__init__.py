"""What every process of ours is given: time, ids, chance, tasks, logs, settings, children."""
