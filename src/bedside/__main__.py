"""``python -m bedside`` is the command ``bedside``."""

from bedside.cli.app import main

if __name__ == "__main__":
    main()
