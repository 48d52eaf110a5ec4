"""Runs a profile as a session: streams in, commands out, on asyncio."""
