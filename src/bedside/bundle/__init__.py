"""What leaves the building: manifest, signature, evidence."""
