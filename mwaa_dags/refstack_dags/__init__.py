"""What the DAG files of this platform share; imported by them, never parsed for DAGs."""
