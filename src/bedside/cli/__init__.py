"""The front door: one module a verb, imported when used."""
