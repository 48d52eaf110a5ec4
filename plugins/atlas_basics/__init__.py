"""The standard strategy parts: a plain scanner, sizers, exit rules, gates and the log alerter."""
