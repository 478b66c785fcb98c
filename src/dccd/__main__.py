"""``python -m dccd`` is the command ``dccd``."""

from dccd.cli import main

if __name__ == "__main__":
    main()
