"""Figures that the project stands on, each written by the script that measured it."""
