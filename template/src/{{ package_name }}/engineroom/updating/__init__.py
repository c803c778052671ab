"""What has to do with the template that a project was made from: an update, what it would change, and a new name for
the package. Only the standard library, git and Copier, so that it works where nothing else does."""

__all__: list[str] = []  # its modules are run, not imported
