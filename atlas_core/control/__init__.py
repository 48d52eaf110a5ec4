"""What people may ask a session and tell it: the table of commands, the way in, and the answers.

The command line is one face of it; chat and dashboard are others. `commands` is the table, `inbox` takes commands to
the running session, `beat` is its sign of life, `kill_switch` stops entries without it, `answers` reads the journal.
"""
