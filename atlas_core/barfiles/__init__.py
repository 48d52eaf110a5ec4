"""Files of bars in any known form, read in pieces, checked row by row, and repaired only as far as was asked for."""
