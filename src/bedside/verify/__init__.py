"""Arrays become numbers that we stand behind."""
