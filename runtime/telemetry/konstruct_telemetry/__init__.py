"""What every program tells about itself: logs without texts, and traces when somebody wants them.

Here belongs what all programs say in the same way. Here never belongs anything of what a program
does: this package imports no other room.
"""
