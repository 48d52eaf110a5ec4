"""The provider `files`: bars from CSV, Parquet and Feather files, checked row by row and never repaired."""
