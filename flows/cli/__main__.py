"""`python -m flows.cli`: the command `jsl`, for those who start it by a module's name."""

from flows.cli.main import main

if __name__ == "__main__":
    main()
