"""An example of a plugin for Atlas: the scanner `channel-breakout`."""
