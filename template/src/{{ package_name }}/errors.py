"""What a user can cause and mend: such an error is told in its own words, any other keeps its traceback."""


class UserError(Exception):
    """Something outside the code is wrong; the message says where, what was found and what to do."""
