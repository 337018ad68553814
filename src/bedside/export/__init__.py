"""A compressed model becomes a file in one format (workshop: needs torch and the converters)."""
