"""Pages for people: one file each, no script, nothing from elsewhere."""
