"""The machinery of the project, in rooms of one purpose each. Read it; there is no need to edit it.

A project imports a room, such as `engineroom.contract`, and never what lies inside one. Nothing here imports the
project: what is the project's own arrives as arguments.
"""
